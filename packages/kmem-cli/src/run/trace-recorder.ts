import type { ProgramFrames } from "kmem/wasm";
import type { ByteSink } from "../forms/stored-section-writer.ts";
import { StoredTraceWriter } from "../forms/stored-writer.ts";
import { EventStream } from "../trace/event-context.ts";
import { OP } from "../trace/op-stream.ts";

const NS_PER_MS = 1e6;
/** Frames of each stack that are kept; this command's own stand above and below the program's. */
const STACK_DEPTH = 32;

/** Writes the calls of a program, with their times and stacks, in kmem's own trace form: docs/trace-format.md. */
export class TraceRecorder {
  readonly #frames: ProgramFrames;
  readonly #stream = new EventStream(true);
  readonly #writer: StoredTraceWriter;
  readonly #startMs = performance.now();
  /** The slots of live blocks by their addresses, their sizes by slot, and slots whose blocks are gone. */
  readonly #slots = new Map<number, number>();
  readonly #sizes: number[] = [];
  readonly #freeSlots: number[] = [];
  /** Stacks as the engine writes them, by what they became. */
  readonly #stacks = new Map<string, number>();

  constructor(sink: ByteSink, frames: ProgramFrames) {
    this.#frames = frames;
    this.#writer = new StoredTraceWriter(sink, this.#stream);
  }

  malloc(address: number, sizeBytes: number): void {
    this.#allocate(OP.MALLOC, address, sizeBytes, 0);
  }

  calloc(address: number, sizeBytes: number): void {
    this.#allocate(OP.CALLOC, address, sizeBytes, 0);
  }

  aligned(address: number, alignmentBytes: number, sizeBytes: number): void {
    this.#allocate(OP.ALIGNED, address, sizeBytes, Math.log2(alignmentBytes));
  }

  /** A block that stood at `former` now stands at `address`. */
  realloc(former: number, address: number, sizeBytes: number): void {
    const slot = this.#slots.get(former);
    if (slot === undefined) return;
    this.#slots.delete(former);
    this.#slots.set(address, slot);
    const oldBytes = this.#sizes[slot] ?? 0;
    this.#sizes[slot] = sizeBytes;
    this.#op(OP.REALLOC, 0, slot, sizeBytes, oldBytes);
  }

  /** What is no live block is not written. */
  free(address: number): void {
    const slot = this.#slots.get(address);
    if (slot === undefined) return;
    this.#slots.delete(address);
    this.#freeSlots.push(slot);
    this.#op(OP.FREE, 0, slot, this.#sizes[slot] ?? 0, 0);
  }

  /** Writes what is left; `program` is what the file says that it was recorded from. */
  finish(program: string): void {
    this.#writer.finish({ "source form": "kmem run", program });
  }

  #allocate(code: number, address: number, sizeBytes: number, log2Align: number): void {
    const slot = this.#freeSlots.pop() ?? this.#sizes.length;
    this.#slots.set(address, slot);
    this.#sizes[slot] = sizeBytes;
    this.#op(code, log2Align, slot, sizeBytes, 0);
  }

  #op(code: number, log2Align: number, slot: number, sizeBytes: number, aux: number): void {
    const { context } = this.#stream;
    context.timeNs = Math.round((performance.now() - this.#startMs) * NS_PER_MS);
    context.stack = this.#stack();
    this.#writer.op(code, log2Align, slot, sizeBytes, aux);
  }

  /** The id of the stack that leads here. */
  #stack(): number {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = STACK_DEPTH;
    const { stack: text = "" } = new Error();
    Error.stackTraceLimit = limit;
    const known = this.#stacks.get(text);
    if (known !== undefined) return known;
    const { tables } = this.#stream;
    const frames = this.#frames.framesOf(text).map((frame) => tables.frame(frame.replace(/^at /, "")));
    const id = frames.reduceRight((parent, frame) => tables.stacks.intern(parent, frame), 0);
    this.#stacks.set(text, id);
    return id;
  }
}
