import { describe, expect, it } from "vitest";
import { WORD_BYTES } from "../../../src/memory/layout.ts";
import { buildModule, I32, I64, op } from "../support/module-builder.ts";
import { checkedModule } from "./checked-module.ts";
import { codeOf, OPERATIONS, type Operation } from "./operations.ts";

const BLOCK_BYTES = [1, 5, 8, 16, 21, 40];
/** How far before and after a block is looked. */
const AROUND_BYTES = 14;
/** Modules without data say nothing of where a heap may begin. */
const HEAP_BASE = 65_536;
const OFFSETS = [0, 3, 8, 21];

const log2 = (bytes: number): number => Math.log2(bytes);

/** A module with a function for each operation and offset, which takes an address. */
function moduleOf(is64: boolean, alignmentOf: (one: Operation) => number): Uint8Array {
  const functions = OPERATIONS.flatMap((one) =>
    OFFSETS.map((offset) => ({
      params: [is64 ? I64 : I32],
      results: [],
      code: [...op.get(0), ...codeOf(one, alignmentOf(one), offset)],
      exportAs: `${one.name} ${offset}`,
    })),
  );
  const word = is64 ? I64 : I32;
  const imports = [
    { module: "env", name: "malloc", params: [word], results: [word] },
    { module: "env", name: "free", params: [word], results: [] },
  ];
  // A memory with addresses of 64 bits has all that it needs from the start on.
  return buildModule({ imports, functions, memory: { pages: is64 ? 128 : 2, is64 } });
}

/** What is to be told of an access to so many bytes from a place in a block on: undefined for nothing. */
function expectedOf(one: Operation, blockBytes: number, at: number, isAligned: boolean): string | undefined {
  const isInside = at >= 0 && at + one.sizeBytes <= blockBytes;
  if (isInside) return undefined;
  // A load of a word or more that begins in a block and ends after it is let through where it is aligned.
  const isPartial = !one.isStore && one.sizeBytes >= WORD_BYTES && isAligned && at >= 0 && at < blockBytes;
  if (isPartial) return undefined;
  return one.isStore ? "invalid-write" : "invalid-read";
}

/** Tries every operation around blocks of all sizes, and lists what differs from what was expected. */
function differences(bytes: Uint8Array, is64: boolean, isNatural: (one: Operation) => boolean): string[] {
  const { check, told, exports } = checkedModule(bytes, { heapBase: HEAP_BASE });
  const toWord = (value: number): unknown => (is64 ? BigInt(value) : value);
  const malloc = check.imports.malloc as unknown as (size: unknown) => number | bigint;
  const found: string[] = [];
  for (const blockBytes of BLOCK_BYTES) {
    const address = Number(malloc(toWord(blockBytes)));
    for (const one of OPERATIONS) {
      for (const offset of OFFSETS) {
        for (let at = -AROUND_BYTES; at < blockBytes + AROUND_BYTES; at++) {
          const isAligned = (address + at) % one.sizeBytes === 0;
          if (isNatural(one) && !isAligned) continue;
          // The same problem at the same place is told once: it has to be another check each time.
          told.length = 0;
          const before = check.counts.repeated + check.counts.told;
          exports[`${one.name} ${offset}`]!(toWord(address + at - offset));
          const isTold = check.counts.repeated + check.counts.told > before;
          const expected = expectedOf(one, blockBytes, at, isAligned);
          const [kind = expected] = told.map((report) => report.kind);
          if (isTold !== (expected !== undefined) || kind !== expected) {
            found.push(`${one.name} offset=${offset}: ${at} of ${blockBytes} bytes: ${isTold ? kind : "nothing"}`);
          }
        }
      }
    }
  }
  return found;
}

describe("every load and store of a module that is checked", () => {
  it("is told where it leaves its block by a byte or more, at any alignment", () => {
    const bytes = moduleOf(false, (one) => (one.isAtomic ? log2(one.sizeBytes) : 0));
    expect(differences(bytes, false, (one) => one.isAtomic)).toEqual([]);
  });

  it("is told where it is aligned as it promises", () => {
    const bytes = moduleOf(false, (one) => log2(one.sizeBytes));
    expect(differences(bytes, false, () => true)).toEqual([]);
  });

  it("is told in a memory with addresses of 64 bits", () => {
    const bytes = moduleOf(true, (one) => (one.isAtomic ? log2(one.sizeBytes) : 0));
    expect(differences(bytes, true, (one) => one.isAtomic)).toEqual([]);
  });
});
