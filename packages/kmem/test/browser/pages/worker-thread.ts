import type { WorkerCommands } from "./worker.ts";

/** One call to a worker, and its answer. */
export interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** A dedicated worker of this page, an ES module, that runs the commands of `worker.ts` one after another. */
export class WorkerThread {
  readonly worker: Worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor() {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      const pending = this.#pending.get(data.id);
      this.#pending.delete(data.id);
      if (data.error === undefined) pending?.resolve(data.result as never);
      else pending?.reject(new Error(`in a worker: ${data.error}`));
    });
    this.worker.addEventListener("error", ({ message }) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`a worker failed: ${message}`));
      this.#pending.clear();
    });
  }

  call<Name extends keyof WorkerCommands>(
    name: Name,
    ...args: Parameters<WorkerCommands[Name]>
  ): Promise<Awaited<ReturnType<WorkerCommands[Name]>>> {
    this.#lastId += 1;
    const call: Call = { id: this.#lastId, name, args };
    return new Promise((resolve, reject) => {
      this.#pending.set(call.id, { resolve, reject });
      this.worker.postMessage(call);
    });
  }

  terminate(): void {
    this.worker.terminate();
  }
}
