import type { FilePlace } from "../sources/opened-file.ts";
import { problemText } from "../sources/problem-text.ts";

/** Where a heap of another process can be looked at. */
export interface LiveAddress {
  readonly name: string;
  readonly url: string;
  readonly everyMs: number;
}

/** What is done with the looks at a heap. */
export interface FeedActions {
  /** Whether anybody looks: if not, the heap is left alone. */
  isWanted(): boolean;
  /** Shows a dump; the next look is after it. */
  take(place: FilePlace): Promise<void>;
  fail(problem: string): void;
}

/** Looks at a heap again and again, as long as somebody looks at it. */
export class HeapFeed {
  readonly #look: () => Promise<FilePlace>;
  readonly #everyMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  private constructor(look: () => Promise<FilePlace>, everyMs: number) {
    this.#look = look;
    this.#everyMs = everyMs;
  }

  /** Looks at a heap of this page by a function that dumps it. */
  static ofFunction(dump: () => Uint8Array, everyMs: number): HeapFeed {
    return new HeapFeed(async () => ({ name: "heap", bytes: dump() }), everyMs);
  }

  /** Looks at a heap that `serveHeap` serves. */
  static ofAddress({ name, url, everyMs }: LiveAddress): HeapFeed {
    return new HeapFeed(async () => {
      const response = await fetch(url);
      if (!response.ok)
        throw new Error(response.status === GONE ? await response.text() : `the server answers ${response.status}`);
      return { name, bytes: new Uint8Array(await response.arrayBuffer()) };
    }, everyMs);
  }

  start(actions: FeedActions): void {
    const turn = async (): Promise<void> => {
      if (actions.isWanted()) {
        try {
          await actions.take(await this.#look());
        } catch (error) {
          actions.fail(problemText(error));
        }
      }
      if (!this.#isStopped) this.#timer = setTimeout(turn, this.#everyMs);
    };
    void turn();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}

/** The heap has been detached. */
const GONE = 410;
