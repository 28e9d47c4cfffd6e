import type { DumpOutline } from "../dump/dump-model.ts";
import type { DumpFigures } from "../dump/figures.ts";
import type { FilePlace } from "../sources/opened-file.ts";
import type { DumpService } from "./dump-service.ts";
import type { FiguresService } from "./figures-service.ts";
import type { Remote, RemoteWorker } from "./rpc.ts";
import { dumpWorker, figuresWorker } from "./workers.ts";

/** A dump that is shown: what is known of it, and the workers that know more. */
export class DumpSession {
  readonly place: FilePlace;
  readonly outline: DumpOutline;
  readonly #worker: RemoteWorker<DumpService>;
  readonly #figuresWorker: RemoteWorker<FiguresService>;

  private constructor(
    place: FilePlace,
    outline: DumpOutline,
    worker: RemoteWorker<DumpService>,
    figures: RemoteWorker<FiguresService>,
  ) {
    this.place = place;
    this.outline = outline;
    this.#worker = worker;
    this.#figuresWorker = figures;
  }

  /** Opens a dump. Throws the worker's error for what is none. */
  static async open(place: FilePlace, worker: RemoteWorker<DumpService> = dumpWorker()): Promise<DumpSession> {
    try {
      const outline = await worker.calls.open(place);
      return new DumpSession(place, outline, worker, figuresWorker());
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  /** The same workers with a later dump of the same heap. */
  async next(place: FilePlace): Promise<DumpSession> {
    const outline = await this.#worker.calls.open(place);
    return new DumpSession(place, outline, this.#worker, this.#figuresWorker);
  }

  /** Makes the figures, which takes longer than the map, and hands them on as they come. */
  async readFigures(take: (figures: DumpFigures) => void): Promise<void> {
    // The map comes first, which has been asked for before this.
    await this.calls.bytes(0, 1);
    const { calls } = this.#figuresWorker;
    const isWithoutBlocks = await calls.open(this.place);
    const info = await calls.info();
    take({ ...info, isWithoutBlocks });
    const check = await calls.check();
    take({ ...info, check, isWithoutBlocks });
    take({ ...info, check, people: await calls.people(), isWithoutBlocks });
  }

  /** What the dump's worker answers. */
  get calls(): Remote<DumpService> {
    return this.#worker.calls;
  }

  /** Ends the workers. */
  close(): void {
    this.#worker.end();
    this.#figuresWorker.end();
  }
}
