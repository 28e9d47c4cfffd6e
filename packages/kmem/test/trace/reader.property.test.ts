// A ring and a reader against a model, with writers that are interrupted, go on later, or die.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layersOf } from "../../src/heap/access.ts";
import { TRACE_BUSY, TraceHeader, TraceKind, TraceWord } from "../../src/layout.ts";
import { lockOwner } from "../../src/sync/lock.ts";
import { type TraceEvent, TraceReader } from "../../src/trace/index.ts";
import { numberOf, placeWord, type Traced, traced, wordsOf, writeNumber } from "./support.ts";

const RUNS = 300;
const STEPS_MAX = 120;

/** What is in a place: the event that was written there last, whole or not. */
interface ModelPlace {
  number: number;
  state: "none" | "whole" | "busy" | "abandonedSlots";
}

/** The ring as plain objects, and its writers that were interrupted. */
class ModelRing {
  readonly places: ModelPlace[];
  begun = 0;
  /** Events that were claimed by a thread that was interrupted and is still there. */
  readonly interrupted: number[] = [];

  constructor(capacity: number) {
    this.places = Array.from({ length: capacity }, () => ({ number: -1, state: "none" }));
  }

  place(number: number): ModelPlace {
    return this.places[number % this.places.length] as ModelPlace;
  }

  /** The number of an event that is begun, and whether its writer may have the place. */
  begin(): { readonly number: number; readonly isClaimed: boolean } {
    const number = this.begun++;
    return { number, isClaimed: this.place(number).state !== "busy" };
  }

  set(number: number, state: ModelPlace["state"]): void {
    Object.assign(this.place(number), { number, state });
  }
}

/** What a reader has shown, and what it must show next. */
class ModelReader {
  readonly #ring: ModelRing;
  #next = 0;
  #pending: number[] = [];
  lostCount = 0;

  constructor(ring: ModelRing) {
    this.#ring = ring;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  read(limit: number): number[] {
    const { begun, places } = this.#ring;
    const shown: number[] = [];
    const kept: number[] = [];
    let looked = this.#next;
    const candidates = [...this.#pending];
    for (let number = this.#next; number < begun; number++) candidates.push(number);
    for (const number of candidates) {
      const isNew = number >= this.#next;
      if (number < begun - places.length) this.lostCount++;
      else if (shown.length >= limit) {
        if (!isNew) kept.push(number);
        continue;
      } else if (this.#ring.place(number).number === number && this.#ring.place(number).state === "whole") {
        shown.push(number);
      } else kept.push(number);
      if (isNew) looked = number + 1;
    }
    this.#next = looked;
    this.#pending = kept;
    return shown;
  }
}

type Step =
  | { readonly name: "write" }
  | { readonly name: "draw" }
  | { readonly name: "interrupt" }
  | { readonly name: "die" }
  | { readonly name: "finish"; readonly which: number }
  | { readonly name: "read"; readonly limit: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant<Step>({ name: "write" }) },
    { weight: 1, arbitrary: fc.constant<Step>({ name: "draw" }) },
    { weight: 2, arbitrary: fc.constant<Step>({ name: "interrupt" }) },
    { weight: 1, arbitrary: fc.constant<Step>({ name: "die" }) },
    { weight: 2, arbitrary: fc.record({ name: fc.constant("finish" as const), which: fc.nat(100) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        name: fc.constant("read" as const),
        limit: fc.constantFrom(0, 1, 3, Number.POSITIVE_INFINITY),
      }),
    },
  ),
  { maxLength: STEPS_MAX },
);

/** Does by hand what a thread does that is interrupted in the middle of `write`. */
class Interrupted {
  readonly #world: Traced;
  readonly #words: Int32Array;
  readonly #alive: number;
  readonly #dead: number;

  constructor(world: Traced) {
    const { heap } = world;
    this.#world = world;
    this.#words = wordsOf(heap);
    this.#alive = this.#ownerOfNewSlot();
    this.#dead = this.#ownerOfNewSlot();
    const slot = (this.#dead & 0x7f) - 1;
    layersOf(heap).slots.markDead(slot, layersOf(heap).slots.generation(slot));
  }

  draw(): void {
    this.#words[this.#world.ring.address / 4 + TraceHeader.NEXT]++;
  }

  claim(number: number, isDead: boolean): void {
    const at = this.#word(number);
    this.#words[at + TraceWord.STAMP] = TRACE_BUSY | (isDead ? this.#dead : this.#alive);
    this.#words.fill(-1, at + TraceWord.KIND, at + TraceWord.NAME + 1);
  }

  finish(number: number): void {
    const at = this.#word(number);
    const { capacity } = this.#world.ring;
    const fields = [number, number * 3, number * 5, number * 7];
    this.#words.set([TraceKind.KMALLOC, 0, 0, 0, number * 13], at + TraceWord.KIND);
    this.#words.set([...fields, number * 17, number * 11], at + TraceWord.PTR);
    this.#words[at + TraceWord.STAMP] = Math.floor(number / capacity) + 1;
  }

  #word(number: number): number {
    const { ring } = this.#world;
    return placeWord(ring, number % ring.capacity);
  }

  #ownerOfNewSlot(): number {
    const place = this.#world.heap.reserve().place;
    if (place === undefined) throw new Error("no slot was reserved");
    return lockOwner(place.slot, place.generation);
  }
}

function run(capacity: number, steps: readonly Step[]): void {
  const world = traced(capacity, { sizeBytes: 512 * 1024 });
  const { ring } = world;
  const hand = new Interrupted(world);
  const model = new ModelRing(capacity);
  const [reader, modelReader] = [new TraceReader(ring), new ModelReader(model)];
  const verify = (events: readonly TraceEvent[], expected: readonly number[]): void => {
    expect(events.map(numberOf)).toEqual(expected);
    expect(events.map(({ number }) => number)).toEqual(expected);
    expect([reader.lostCount, reader.pendingCount]).toEqual([modelReader.lostCount, modelReader.pendingCount]);
  };
  const begin = (state: "busy" | "abandonedSlots"): void => {
    const { number, isClaimed } = model.begin();
    hand.draw();
    if (!isClaimed) return;
    hand.claim(number, state === "abandonedSlots");
    model.set(number, state);
    if (state === "busy") model.interrupted.push(number);
  };
  for (const step of steps) {
    if (step.name === "read") verify(reader.read(step.limit), modelReader.read(step.limit));
    else if (step.name === "write") {
      const { number, isClaimed } = model.begin();
      writeNumber(ring, number);
      if (isClaimed) model.set(number, "whole");
    } else if (step.name === "draw") {
      model.begin();
      hand.draw();
    } else if (step.name === "interrupt") begin("busy");
    else if (step.name === "die") begin("abandonedSlots");
    else {
      const [number] = model.interrupted.splice(step.which % Math.max(1, model.interrupted.length), 1);
      if (number === undefined) continue;
      hand.finish(number);
      model.set(number, "whole");
    }
  }
  verify(reader.read(), modelReader.read(Number.POSITIVE_INFINITY));
}

describe("a reader of a trace ring", () => {
  it.each([4, 8, 64])("of %d events shows, loses and waits for what a model does", (capacity) => {
    fc.assert(
      fc.property(steps, (list) => run(capacity, list)),
      { numRuns: RUNS },
    );
  });

  it.each([-1, Number.NaN, "many"])("refuses to read %j events", (limit) => {
    const { ring } = traced(4);
    const reader = new TraceReader(ring);
    writeNumber(ring, 0);
    expect(() => reader.read(limit as number)).toThrow("a number of events is no less than 0");
    expect(reader.read().map(numberOf)).toEqual([0]);
  });

  it("is not shown the event of a writer that comes when a later one is in its place", () => {
    const { heap, ring } = traced(4);
    const words = wordsOf(heap);
    const next = ring.address / 4 + TraceHeader.NEXT;
    for (let number = 0; number < 5; number++) writeNumber(ring, number);
    // As if the ticket had been drawn before the others', and used now.
    words[next] = 0;
    writeNumber(ring, 99);
    words[next] = 5;
    const reader = new TraceReader(ring);
    expect(reader.read().map(numberOf)).toEqual([1, 2, 3, 4]);
    expect([reader.lostCount, reader.pendingCount]).toEqual([1, 0]);
  });

  it("loses an event whose kind a stray write has changed", () => {
    const { heap, ring } = traced(4);
    for (let number = 0; number < 3; number++) writeNumber(ring, number);
    wordsOf(heap)[placeWord(ring, 1) + TraceWord.KIND] = 77;
    const reader = new TraceReader(ring);
    expect(reader.read().map(numberOf)).toEqual([0, 2]);
    expect(reader.lostCount).toBe(1);
  });
});
