import type { DumpOutline } from "../dump/dump-model.ts";
import type { DumpFigures } from "../dump/figures.ts";
import type { MapLayer, MapMode } from "../dump/frame-modes.ts";
import type { FilePlace } from "../sources/opened-file.ts";
import type { DumpService, OpenedDump } from "./dump-service.ts";
import type { FiguresService } from "./figures-service.ts";
import type { Remote, RemoteWorker } from "./rpc.ts";
import { dumpWorker, figuresWorker } from "./workers.ts";

/** A dump that is shown: what is known of it, and the workers that know more. */
export class DumpSession {
  readonly place: FilePlace;
  readonly outline: DumpOutline;
  readonly #states: MapLayer;
  readonly #program: FilePlace | undefined;
  readonly #worker: RemoteWorker<DumpService>;
  /** Started when the figures are asked for, so that the first picture need not wait for it. */
  #figuresWorker: RemoteWorker<FiguresService> | undefined;

  private constructor(
    place: FilePlace,
    { outline, layer }: OpenedDump,
    program: FilePlace | undefined,
    worker: RemoteWorker<DumpService>,
    figures?: RemoteWorker<FiguresService>,
  ) {
    this.#program = program;
    this.place = place;
    this.outline = outline;
    this.#states = layer;
    this.#worker = worker;
    this.#figuresWorker = figures;
  }

  /**
   * Opens a file that is a dump by its first bytes, with the WebAssembly module of its program where that is known;
   * undefined for other files. Throws the worker's error for a bad one.
   */
  static async openIfDump(
    place: FilePlace,
    program: FilePlace | undefined,
    worker: RemoteWorker<DumpService>,
  ): Promise<DumpSession | undefined> {
    const opened = await worker.calls.openIfDump(place, program);
    return opened === undefined ? undefined : new DumpSession(place, opened, program, worker);
  }

  /** Opens a dump. Throws the worker's error for what is none. */
  static async open(place: FilePlace): Promise<DumpSession> {
    const worker = dumpWorker();
    try {
      return new DumpSession(place, await worker.calls.open(place), undefined, worker);
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  /** The same workers with a later dump of the same heap. */
  async next(place: FilePlace): Promise<DumpSession> {
    const opened = await this.#worker.calls.open(place, this.#program);
    return new DumpSession(place, opened, this.#program, this.#worker, this.#figuresWorker);
  }

  /** A value for each page, as a mode of the map has it. */
  async layer(mode: MapMode): Promise<MapLayer> {
    return mode === "state" ? this.#states : this.calls.layer(mode);
  }

  /** Makes the figures, which takes longer than the map, and hands them on as they come. */
  async readFigures(take: (figures: DumpFigures) => void): Promise<void> {
    this.#figuresWorker ??= figuresWorker();
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
    this.#figuresWorker?.end();
  }
}
