import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LinearMemory } from "../../src/memory/memory.ts";
import { ARENA_HEADER_BYTES, NO_RANGE } from "../../src/vmem/layout.ts";
import { Vmem } from "../../src/vmem/vmem.ts";
import { thrownBy } from "../support/expectations.ts";

/** Three spans, two of which touch. */
const SPANS = [
  { start: 3, size: 40 },
  { start: 43, size: 17 },
  { start: 100, size: 64 },
] as const;
const END = 164;

type Operation =
  | { readonly kind: "alloc"; readonly size: number; readonly align: number }
  | { readonly kind: "free"; readonly pick: number }
  | { readonly kind: "refused free"; readonly value: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("alloc"), size: fc.nat(29).map((n) => n + 1), align: aligns() }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("free"), pick: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("refused free"), value: fc.integer({ min: -2, max: END + 2 }) }),
  },
);

function aligns(): fc.Arbitrary<number> {
  return fc.constantFrom(1, 1, 1, 2, 3, 4, 5, 8, 16, 64);
}

/** What an arena does, with a byte for each integer. */
class PlainArena {
  readonly live = new Map<number, number>();
  readonly #taken = new Uint8Array(END);

  lowestFit(size: number, align: number): number {
    for (const span of SPANS) {
      for (let start: number = span.start; start + size <= span.start + span.size; start++) {
        if (start % align === 0 && this.#taken.subarray(start, start + size).every((byte) => byte === 0)) return start;
      }
    }
    return NO_RANGE;
  }

  alloc(start: number, size: number): void {
    this.live.set(start, size);
    this.#taken.fill(1, start, start + size);
  }

  free(start: number): number {
    const size = this.live.get(start) ?? 0;
    this.live.delete(start);
    this.#taken.fill(0, start, start + size);
    return size;
  }

  /** Every segment that there must be: allocated ones, and free ones as long as their span lets them be. */
  shape(): string[] {
    const segments: string[] = [];
    for (const span of SPANS) {
      for (let at: number = span.start; at < span.start + span.size; ) {
        const size = this.live.get(at);
        let end = at + (size ?? 1);
        if (size === undefined) while (end < span.start + span.size && this.#taken[end] === 0) end++;
        segments.push(`${size === undefined ? "-" : "+"}${at}:${end - at}`);
        at = end;
      }
    }
    return segments;
  }
}

function apply(arena: Vmem, model: PlainArena, step: Operation): void {
  if (step.kind === "alloc") {
    const expected = model.lowestFit(step.size, step.align);
    expect(arena.alloc(step.size, step.align)).toBe(expected);
    if (expected !== NO_RANGE) model.alloc(expected, step.size);
  } else if (step.kind === "free") {
    const starts = [...model.live.keys()];
    const start = starts[step.pick % starts.length];
    if (start !== undefined) expect(arena.free(start)).toBe(model.free(start));
  } else if (!model.live.has(step.value)) {
    expect(thrownBy(() => arena.free(step.value)).code).toBe("INVALID_FREE");
  }
}

describe("an arena under random operations", () => {
  it("agrees with a plain model after each of them", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (steps) => {
        const memory = new LinearMemory(new ArrayBuffer(1 << 14));
        const arena = Vmem.create(memory, 0);
        arena.addTable(ARENA_HEADER_BYTES, (1 << 14) - ARENA_HEADER_BYTES);
        const model = new PlainArena();
        for (const { start, size } of SPANS) arena.addSpan(start, size);
        for (const step of steps) {
          apply(arena, model, step);
          const shape = [...arena.ranges()].map(({ start, size, isFree }) => `${isFree ? "-" : "+"}${start}:${size}`);
          expect(shape).toEqual(model.shape());
          arena.check((_address, problem) => expect.unreachable(problem));
        }
        for (let value = 0; value < END; value++) {
          const range = arena.lookup(value);
          const isInSpan = SPANS.some(({ start, size }) => value >= start && value < start + size);
          expect(range !== undefined && range.start <= value && value < range.start + range.size).toBe(isInSpan);
        }
      }),
      { numRuns: 200 },
    );
  });
});
