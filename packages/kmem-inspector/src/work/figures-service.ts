import type { CheckReport } from "kmem";
import { DumpReader, type InfoFigures, type PeopleFigures } from "../dump/figures.ts";
import { dumpSourceOf, type FilePlace } from "../sources/opened-file.ts";

/** Makes the figures of dumps by the library; in a worker of its own, so that the map need not wait for it. */
export class FiguresService {
  #reader: DumpReader | undefined;

  /** Reads a dump in the place of the one before; answers whether its blocks are left out. */
  open(place: FilePlace): boolean {
    this.#reader = new DumpReader(dumpSourceOf(place));
    return this.#reader.isWithoutBlocks;
  }

  info(): InfoFigures {
    return this.#opened.info();
  }

  check(): CheckReport {
    return this.#opened.check();
  }

  people(): PeopleFigures {
    return this.#opened.people();
  }

  get #opened(): DumpReader {
    if (this.#reader === undefined) throw new Error("no dump is open");
    return this.#reader;
  }
}
