const INITIAL_SLOTS = 1024;

/** What is known of the block in each slot, in columns. */
export class LiveTable {
  requested: Float64Array<ArrayBuffer> = new Float64Array(INITIAL_SLOTS);
  allocated: Float64Array<ArrayBuffer> = new Float64Array(INITIAL_SLOTS);
  /** When it was allocated: nanoseconds, or the number of the event where the trace has no times. */
  born: Float64Array<ArrayBuffer> = new Float64Array(INITIAL_SLOTS);
  /** The number of the allocation that made it, from 1; 0 where the slot is free. */
  number: Float64Array<ArrayBuffer> = new Float64Array(INITIAL_SLOTS);
  stack: Uint32Array<ArrayBuffer> = new Uint32Array(INITIAL_SLOTS);
  cpu: Uint32Array<ArrayBuffer> = new Uint32Array(INITIAL_SLOTS);
  thread: Uint32Array<ArrayBuffer> = new Uint32Array(INITIAL_SLOTS);
  /** Cache id plus 1; 0 for a block, and the order plus 1 of pages. */
  kind: Uint32Array<ArrayBuffer> = new Uint32Array(INITIAL_SLOTS);

  /** Makes room for a slot. */
  reach(slot: number): void {
    if (slot < this.requested.length) return;
    const length = Math.max(slot + 1, this.requested.length * 2);
    const doubles = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(length);
      grown.set(old);
      return grown;
    };
    const words = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
      const grown = new Uint32Array(length);
      grown.set(old);
      return grown;
    };
    this.requested = doubles(this.requested);
    this.allocated = doubles(this.allocated);
    this.born = doubles(this.born);
    this.number = doubles(this.number);
    this.stack = words(this.stack);
    this.cpu = words(this.cpu);
    this.thread = words(this.thread);
    this.kind = words(this.kind);
  }
}
