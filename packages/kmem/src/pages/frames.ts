import type { Geometry } from "../memory/header.ts";
import { Header, PAGE_SHIFT, WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { FRAME_RECORD_SHIFT, FrameKind, FrameRecord } from "./layout.ts";

/** The frame table and the kind table: what every page of the memory is. Frame numbers are absolute. */
export class FrameTable {
  readonly memory: LinearMemory;
  readonly baseFrame: number;
  readonly limitFrame: number;
  readonly firstPageFrame: number;
  /** Index into `memory.bytes` of the kind of frame 0, were there one. */
  readonly kindBias: number;
  /** Index into `memory.words` of the record of frame 0, were there one. */
  readonly recordBias: number;
  readonly #headerWord: number;

  constructor(memory: LinearMemory, geometry: Geometry) {
    this.memory = memory;
    this.baseFrame = geometry.baseFrame;
    this.limitFrame = geometry.limitFrame;
    this.firstPageFrame = geometry.firstPageFrame;
    this.kindBias = geometry.kindTable - geometry.baseFrame;
    this.recordBias = (geometry.frameTable >>> WORD_SHIFT) - (geometry.baseFrame << FRAME_RECORD_SHIFT);
    this.#headerWord = (geometry.baseFrame << PAGE_SHIFT) >>> WORD_SHIFT;
  }

  /** One past the last frame that exists now. */
  get endFrame(): number {
    return this.memory.words[this.#headerWord + Header.END_FRAME];
  }

  /** Moves the end after a growth and counts it. */
  setEndFrame(endFrame: number): void {
    const { words } = this.memory;
    words[this.#headerWord + Header.END_FRAME] = endFrame;
    words[this.#headerWord + Header.GENERATION]++;
  }

  /** Counts the growths of this memory. */
  get generation(): number {
    return this.memory.words[this.#headerWord + Header.GENERATION];
  }

  /** A word of the header that says when to reclaim: RECLAIM_AT or RECLAIM_CREDIT. */
  reclaimWord(field: number): number {
    return this.memory.words[this.#headerWord + field];
  }

  setReclaimWord(field: number, value: number): void {
    this.memory.words[this.#headerWord + field] = value;
  }

  /** Index of the frame's record in `memory.words`. */
  record(frame: number): number {
    return this.recordBias + (frame << FRAME_RECORD_SHIFT);
  }

  /** The frame's kind; ABSENT for every number outside of the memory. */
  kind(frame: number): number {
    if (frame < this.baseFrame || frame >= this.limitFrame) return FrameKind.ABSENT;
    return this.memory.bytes[this.kindBias + frame];
  }

  setKind(frame: number, kind: number): void {
    this.memory.bytes[this.kindBias + frame] = kind;
  }

  /** Marks a run: its first frame as `headKind`, the others as the kind after it. */
  setRun(first: number, count: number, headKind: number): void {
    const { bytes } = this.memory;
    const index = this.kindBias + first;
    if (count > 1) bytes.fill(headKind + 1, index + 1, index + count);
    bytes[index] = headKind;
  }

  /** Gives every frame of a stretch the same kind. */
  fillKind(first: number, count: number, kind: number): void {
    this.memory.bytes.fill(kind, this.kindBias + first, this.kindBias + first + count);
  }

  /** COUNT of the frame's record: the order of a free block, the frames of a run. */
  count(frame: number): number {
    return this.memory.words[this.record(frame) + FrameRecord.COUNT];
  }

  setCount(frame: number, count: number): void {
    this.memory.words[this.record(frame) + FrameRecord.COUNT] = count;
  }

  /** The head of the run that the frame, head or tail, belongs to; O(frames before it in the run). */
  headOfRun(frame: number, headKind: number): number {
    const { bytes } = this.memory;
    let head = frame;
    while (bytes[this.kindBias + head] === headKind + 1) head--;
    return head;
  }
}
