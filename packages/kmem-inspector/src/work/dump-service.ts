import {
  type AddressAnswer,
  addressAnswer,
  type CacheDetail,
  cacheDetail,
  type OrderAnswer,
  orderAnswer,
  type PageAnswer,
  pageAnswer,
} from "../dump/answers.ts";
import { PAGE_GRANULES, paintGranules } from "../dump/blocks.ts";
import { type Comparison, compareDumps } from "../dump/comparison.ts";
import { startsAsDump } from "../dump/dump-memory.ts";
import { DumpModel, type DumpOutline } from "../dump/dump-model.ts";
import { type MapLayer, type MapMode, mapLayer } from "../dump/frame-modes.ts";
import { dumpSourceOf, type FilePlace, firstBytes, sourceOf } from "../sources/opened-file.ts";

/** What a file is: a dump of a heap, or a trace of allocations. */
export type FileSort = "dump" | "trace";

/** As many first bytes as tell a dump from a trace. */
const HEAD_BYTES = 32;

/** Answers what the page wants to know of dumps; runs in a worker, or in a test. */
export class DumpService {
  #model: DumpModel | undefined;
  #other: DumpModel | undefined;

  /** Says what a file is by its first bytes. */
  sortOf(place: FilePlace): FileSort {
    return startsAsDump(firstBytes(sourceOf(place), HEAD_BYTES)) ? "dump" : "trace";
  }

  /** Opens a dump in the place of the one before. */
  open(place: FilePlace): DumpOutline {
    this.#model = new DumpModel(dumpSourceOf(place));
    return this.#model.outline;
  }

  layer(mode: MapMode): MapLayer {
    return mapLayer(this.#opened, mode);
  }

  page(frame: number): PageAnswer {
    return pageAnswer(this.#opened, frame);
  }

  address(address: number): AddressAnswer | undefined {
    return addressAnswer(this.#opened, address);
  }

  bytes(address: number, length: number): Uint8Array {
    return this.#opened.memory.read(address, length);
  }

  order(order: number): OrderAnswer {
    return orderAnswer(this.#opened, order);
  }

  cache(kind: number): CacheDetail {
    return cacheDetail(this.#opened, kind);
  }

  /** The states of the granules of some pages, one after the other: see `GRANULE_STATES`. */
  granules(frames: readonly number[]): Uint8Array {
    const states = new Uint8Array(frames.length * PAGE_GRANULES);
    for (const [place, frame] of frames.entries()) {
      paintGranules(this.#opened, frame, states.subarray(place * PAGE_GRANULES, (place + 1) * PAGE_GRANULES));
    }
    return states;
  }

  /** Compares the dump with an earlier one. */
  compare(before: FilePlace): Comparison {
    this.#other = new DumpModel(dumpSourceOf(before));
    return compareDumps(this.#other, this.#opened);
  }

  get #opened(): DumpModel {
    if (this.#model === undefined) throw new Error("no dump is open");
    return this.#model;
  }
}
