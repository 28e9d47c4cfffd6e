import type { CpuStream } from "./cpu-stream.ts";

/** Streams by the times of the events that they stand at, the earliest first; a heap. */
export class StreamMerge {
  readonly #heap: CpuStream[] = [];
  readonly #ranks = new Map<CpuStream, number>();

  /** Adds a stream that stands at an event; of events at one time that of the stream that was added first is first. */
  add(stream: CpuStream): void {
    this.#ranks.set(stream, this.#ranks.size);
    const heap = this.#heap;
    let at = heap.push(stream) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(stream, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = stream;
  }

  /** The stream with the earliest event; undefined once all are done. */
  get first(): CpuStream | undefined {
    return this.#heap[0];
  }

  /** Has the first stream go to its next event. */
  advanceFirst(): void {
    const heap = this.#heap;
    const stream = heap[0]!;
    if (stream.advance()) {
      this.#sink(stream);
      return;
    }
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
  }

  /** Puts a stream in the place of the first, and where it belongs from there. */
  #sink(stream: CpuStream): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!this.#isBefore(heap[child]!, stream)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = stream;
  }

  #isBefore(a: CpuStream, b: CpuStream): boolean {
    return a.time === b.time ? this.#ranks.get(a)! < this.#ranks.get(b)! : a.time < b.time;
  }
}
