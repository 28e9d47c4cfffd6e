import { Runtime } from "../interleave/runtime/runtime.ts";
import { VirtualThread } from "../interleave/runtime/virtual-thread.ts";

type Elements = Int32Array;

/** What one operation does. */
export interface Counts {
  /** Elements of typed arrays that are read. */
  reads: number;
  /** Elements of typed arrays that are written. */
  writes: number;
  /** Operations of `Atomics`. */
  atomics: number;
  /** Tests that decide on a way through the code. */
  tests: number;
  /** Those of them that came out true. */
  taken: number;
  /** Functions, methods, getters and constructors called, the operation itself not among them. */
  calls: number;
}

function noCounts(): Counts {
  return { reads: 0, writes: 0, atomics: 0, tests: 0, taken: 0, calls: 0 };
}

/** What instrumented code calls in place of its accesses, tests and calls: counts them while an operation runs. */
export class CountingRuntime extends Runtime {
  #counts = noCounts();

  /** What `operation` does, and nothing that runs before or after it. What it throws is passed on. */
  count(operation: () => unknown): Counts {
    const counts = noCounts();
    this.#counts = counts;
    // Code in its plain form asks the runtime for each access as long as there is a thread.
    this.current = new VirtualThread(0, (function* () {})());
    try {
      operation();
    } finally {
      this.current = undefined;
      // Whatever runs next is counted into something that nobody looks at.
      this.#counts = noCounts();
    }
    return counts;
  }

  /** Notes a test and passes its value on. */
  test<Value>(value: Value): Value {
    this.#counts.tests++;
    if (value) this.#counts.taken++;
    return value;
  }

  /** Notes the test of a `??`, which holds for null and undefined. */
  testNullish<Value>(value: Value): Value {
    this.#counts.tests++;
    if (value == null) this.#counts.taken++;
    return value;
  }

  /** Notes one call. */
  noteCall(): void {
    this.#counts.calls++;
  }

  override plainLoad(array: Elements, index: number): unknown {
    if (ArrayBuffer.isView(array)) this.#counts.reads++;
    return array[index];
  }

  override plainStore(array: Elements, index: number, value: unknown): unknown {
    if (ArrayBuffer.isView(array)) this.#counts.writes++;
    array[index] = value as number;
    return value;
  }

  override plainUpdate(array: Elements, index: number, compute: (old: unknown) => unknown): unknown {
    return this.plainStore(array, index, compute(this.plainLoad(array, index)));
  }

  override plainAtomic(name: string, _site: number, ...values: unknown[]): unknown {
    this.#counts.atomics++;
    return (Atomics as unknown as Record<string, (...values: unknown[]) => unknown>)[name]?.(...values);
  }

  override plainMethod(owner: Elements, name: string, _site: number, ...values: unknown[]): unknown {
    return (owner as unknown as Record<string, (...values: unknown[]) => unknown>)[name]?.(...values);
  }

  override plainBuffer(object: { buffer: unknown }): unknown {
    return object.buffer;
  }
}
