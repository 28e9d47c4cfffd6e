import type { Layers } from "../kmalloc/layers.ts";

type Print = (message: string) => void;

/**
 * Where a thread's heap that finds bugs prints what it was given no functions for: to the runtime's console, but within
 * a call of a face to the console of that face.
 */
export class ReportSink {
  #console: Print | undefined;

  readonly print = (message: string): void => {
    // biome-ignore lint/suspicious/noConsole: who debugs a heap asks for its reports, and may say where they go.
    const print = this.#console ?? ((text: string) => console.error(text));
    print(message);
  };

  /** Does something while all goes to a console. */
  within<Result>(print: Print, work: () => Result): Result {
    const before = this.#console;
    this.#console = print;
    try {
      return work();
    } finally {
      this.#console = before;
    }
  }
}

/** The sinks of this thread's heaps that find bugs, by the layers that they share with faces. */
const sinks = new WeakMap<Layers, ReportSink>();

/** The sink of a heap that finds bugs. */
export function sinkFor(layers: Layers): ReportSink {
  const sink = sinks.get(layers) ?? new ReportSink();
  sinks.set(layers, sink);
  return sink;
}

/** The calls of a face over a heap; where that finds bugs, its reports within a call go to the face's console. */
export function reportingTo<Calls extends object>(layers: Layers, print: Print, calls: Calls): Calls {
  const sink = sinks.get(layers);
  if (sink === undefined) return calls;
  const routed = Object.entries(calls).map(([name, call]): [string, unknown] => {
    if (typeof call !== "function") return [name, call];
    return [name, (...args: unknown[]): unknown => sink.within(print, () => call(...args))];
  });
  return Object.fromEntries(routed) as Calls;
}
