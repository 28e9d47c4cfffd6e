import { PAGE_SIZE } from "kmem";
import { FrameKind } from "kmem/layout";
import type { ByteSource } from "../sources/byte-source.ts";
import { DumpMemory } from "./dump-memory.ts";
import { FRAME_STATES, type FrameStateId, stateIndex, stateOfKind } from "./frame-states.ts";
import { type CacheShape, type HeapTables, isDebugged, kindsOf, readCaches, readTables } from "./heap-tables.ts";
import { type ProgramParts, programStateOf } from "./program-parts.ts";

/** What is known of a dump as soon as its tables are read. */
export interface DumpOutline {
  readonly pageCount: number;
  readonly storedPages: number;
  /** First page of the heap. */
  readonly baseFrame: number;
  /** First page after the tables, and the end of the heap. */
  readonly firstPageFrame: number;
  readonly endFrame: number;
  readonly isDebugged: boolean;
  /** Why there is no map of states; undefined where there is one. */
  readonly problem: string | undefined;
  readonly caches: readonly CacheShape[];
}

/** A dump that is looked into: its memory, and its tables where they can be found. */
export class DumpModel {
  readonly memory: DumpMemory;
  readonly tables: HeapTables | undefined;
  readonly caches: ReadonlyMap<number, CacheShape>;
  /** A kind for each page of the memory; RESERVED where it is not the heap's. */
  readonly kinds: Uint8Array;
  readonly #problem: string | undefined;
  readonly #program: ProgramParts | undefined;

  /**
   * Throws a KmemError for what is no dump. O(pages).
   *
   * @param program what is known of the program that the memory below the heap is of.
   */
  constructor(source: ByteSource, program?: ProgramParts) {
    this.#program = program;
    this.memory = new DumpMemory(source);
    const tables = readTables(this.memory);
    this.kinds = new Uint8Array(this.memory.pageCount).fill(FrameKind.RESERVED);
    if (typeof tables === "string") {
      this.#problem = tables;
      this.tables = undefined;
      this.caches = new Map();
      return;
    }
    this.tables = tables;
    this.caches = readCaches(this.memory, tables);
    const { firstPageFrame, endFrame } = tables;
    this.kinds.set(kindsOf(this.memory, tables, firstPageFrame, endFrame), firstPageFrame);
  }

  get outline(): DumpOutline {
    const { pageCount, storedPages } = this.memory;
    const { baseFrame = 0, firstPageFrame = 0, endFrame = pageCount } = this.tables ?? {};
    return {
      pageCount,
      storedPages,
      baseFrame,
      firstPageFrame,
      endFrame,
      isDebugged: this.tables !== undefined && isDebugged(this.tables),
      problem: this.#problem,
      caches: [...this.caches.values()],
    };
  }

  /** What a page is. */
  stateOf(frame: number): FrameStateId {
    const { tables } = this;
    if (tables === undefined) return "unknown";
    if (frame < tables.baseFrame) return this.#program === undefined ? "program" : programStateOf(this.#program, frame);
    if (frame < tables.firstPageFrame) return "tables";
    if (frame >= tables.endFrame) return "program";
    return stateOfKind(this.kinds[frame]!);
  }

  /** The place of each page's state in {@link FRAME_STATES}. O(pages). */
  states(): Uint8Array {
    const { tables, kinds } = this;
    if (tables === undefined)
      return kinds.map((_, page) => stateIndex(this.memory.isStored(page) ? "unknown" : "free"));
    const byKind = Uint8Array.from({ length: 256 }, (_, kind) => stateIndex(stateOfKind(kind)));
    const states = new Uint8Array(kinds.length);
    for (let frame = 0; frame < kinds.length; frame++) states[frame] = byKind[kinds[frame]!]!;
    states.fill(stateIndex("tables"), tables.baseFrame, tables.firstPageFrame);
    for (let frame = 0; frame < tables.baseFrame; frame++) states[frame] = stateIndex(this.stateOf(frame));
    return states;
  }

  /** Pages of each of {@link FRAME_STATES}. */
  stateCounts(): number[] {
    const counts = FRAME_STATES.map(() => 0);
    for (const state of this.states()) counts[state]! += 1;
    return counts;
  }

  /** Whether an address lies among the pages that the heap manages. */
  isManaged(address: number): boolean {
    const frame = Math.floor(address / PAGE_SIZE);
    return this.tables !== undefined && frame >= this.tables.firstPageFrame && frame < this.tables.endFrame;
  }
}
