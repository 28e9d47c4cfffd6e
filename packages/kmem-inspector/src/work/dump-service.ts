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
import { programParts } from "../dump/program-parts.ts";
import { type ByteSource, readAll } from "../sources/byte-source.ts";
import { dumpSourceOf, type FilePlace, firstBytes, sourceOf } from "../sources/opened-file.ts";

/** What is known of a dump as soon as it is open. */
export interface OpenedDump {
  readonly outline: DumpOutline;
  /** Pages by their states. */
  readonly layer: MapLayer;
}

/** As many first bytes as tell a dump from a trace. */
const HEAD_BYTES = 32;

/** No module is longer. */
const MODULE_BYTES_MAX = 2 ** 28;

function moduleBytes(source: ByteSource): Uint8Array {
  if (source.byteLength > MODULE_BYTES_MAX) throw new Error("the module is longer than modules are");
  return readAll(source);
}

/** Answers what the page wants to know of dumps; runs in a worker, or in a test. */
export class DumpService {
  #model: DumpModel | undefined;
  #other: DumpModel | undefined;

  /** Opens a file if it is a dump by its first bytes, and answers at once what the first picture shows. */
  openIfDump(place: FilePlace, program?: FilePlace): OpenedDump | undefined {
    return startsAsDump(firstBytes(sourceOf(place), HEAD_BYTES)) ? this.open(place, program) : undefined;
  }

  /** Opens a dump in the place of the one before, with the module of its program. Throws for what is none. */
  open(place: FilePlace, program?: FilePlace): OpenedDump {
    const parts = program === undefined ? undefined : programParts(moduleBytes(sourceOf(program)));
    this.#model = new DumpModel(dumpSourceOf(place), parts);
    return { outline: this.#model.outline, layer: mapLayer(this.#model, "state") };
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
