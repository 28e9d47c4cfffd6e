import { expect } from "vitest";
import type { Finding } from "../../src/index.ts";
import { checkHeap } from "../../src/index.ts";
import { FrameRecord, ZoneRecord } from "../../src/layout.ts";
import { type BusyHeap, busyHeap } from "./busy-heap.ts";
import { PAGE } from "./memories.ts";
import { type FreeBlock, Peek } from "./peek.ts";

/** A busy heap whose check is clean, to be damaged by writes to `words` and `bytes`. */
export class Patient {
  readonly busy: BusyHeap = busyHeap();
  readonly peek: Peek = new Peek(this.busy.heap);
  readonly words: Int32Array = this.peek.words;
  readonly bytes: Uint8Array = this.peek.bytes;

  constructor() {
    // Two pages with neighbours in use, so that a list of the normal zone has more than one block.
    const { pages } = this.busy.heap;
    const singles = Array.from({ length: 4 }, () => pages.alloc(1));
    for (const page of [singles[0], singles[2]]) pages.free(page as number, 1);
    expect(checkHeap(this.busy.heap)).toEqual({ isClean: true, findings: [] });
  }

  /** The check must find, after some damage, this in this layer; where an address is given, at that address. */
  expectFinding(layer: Finding["layer"], text: string | RegExp, address?: number): void {
    const { isClean, findings } = checkHeap(this.busy.heap);
    expect(isClean).toBe(false);
    const problems = findings.map((finding) => `${finding.layer}: ${finding.problem}`);
    expect(problems).toContainEqual(typeof text === "string" ? `${layer}: ${text}` : expect.stringMatching(text));
    if (address === undefined) return;
    const matching = findings.filter(({ problem }) =>
      typeof text === "string" ? problem === text : text.test(problem),
    );
    expect(matching.map((finding) => finding.address)).toContain(address);
  }

  /** The first frame of the slab that an address lies in. */
  slabOf(address: number): number {
    return this.peek.frame(frameOf(address), FrameRecord.SLAB_OR_OWNER);
  }

  /** The first free block of a list of the normal zone that has more than one. */
  listed(): FreeBlock {
    const { peek } = this;
    const blocks = peek.freeBlocks().filter(({ frame }) => frame >= peek.zone(1, ZoneRecord.FIRST_FRAME));
    const found = blocks.find(({ order }) => order < 10 && blocks.filter((other) => other.order === order).length > 1);
    if (found === undefined) throw new Error("no list has two blocks");
    return { frame: peek.zone(1, ZoneRecord.FREE_LIST + found.order), order: found.order };
  }
}

/** The frame that an address lies in. */
export function frameOf(address: number): number {
  return Math.floor(address / PAGE);
}
