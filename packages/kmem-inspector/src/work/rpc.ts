import { problemText } from "../sources/problem-text.ts";

/** What a worker is asked, and what it answers. */
interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly problem: string });

/** The functions of a worker, as the page calls them: each answer comes later. */
export type Remote<Service> = {
  readonly [Name in keyof Service]: Service[Name] extends (...args: infer Args) => infer Value
    ? (...args: Args) => Promise<Awaited<Value>>
    : never;
};

/** What of a worker's scope is used. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<Call>) => void) | null;
  postMessage(answer: Answer): void;
}

/** Answers the calls of a page with the functions of an object, one after the other. */
export function serveCalls(service: object): void {
  const scope = globalThis as unknown as WorkerScope;
  const functions = service as Record<string, (...args: readonly unknown[]) => unknown>;
  scope.onmessage = async ({ data: { id, name, args } }) => {
    try {
      scope.postMessage({ id, value: await functions[name]!(...args) });
    } catch (error) {
      scope.postMessage({ id, problem: problemText(error) });
    }
  };
}

/** A worker whose functions can be called. */
export class RemoteWorker<Service> {
  readonly calls: Remote<Service>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ("problem" in data) waiting?.reject(new Error(data.problem));
      else waiting?.resolve(data.value);
    };
    worker.onerror = ({ message }) => this.#fail(message);
    this.calls = new Proxy({} as Remote<Service>, {
      get: (_target, name) =>
        typeof name === "string" ? (...args: readonly unknown[]) => this.#call(name, args) : undefined,
    });
  }

  /** Ends the worker. What it was asked and has not answered is never answered: who asked is not shown any more. */
  end(): void {
    this.#worker.terminate();
    this.#waiting.clear();
  }

  #call(name: string, args: readonly unknown[]): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, args });
    });
  }

  #fail(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}
