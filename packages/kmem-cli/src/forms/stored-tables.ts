import { TraceFormatError } from "../trace/trace-error.ts";
import { internText, type TraceTables } from "../trace/trace-tables.ts";
import { ByteReader } from "./stored-byte-reader.ts";
import { TABLE_ENTRY } from "./stored-layout.ts";

const ENTRIES_MAX = 2 ** 21;
const CACHES_MAX = 65_536;
const WORD_MAX = 0xffff_ffff;

/** The tables of a file, by its ids: what each is called in the tables of the stream. */
export class StoredTables {
  readonly #tables: TraceTables;
  readonly #frames: number[] = [0];
  readonly #stacks: number[] = [0];
  readonly #threads: number[] = [0];

  constructor(tables: TraceTables) {
    this.#tables = tables;
  }

  get cacheCount(): number {
    return this.#tables.caches.length;
  }

  stack(id: number): number {
    return this.#stacks[id] ?? 0;
  }

  thread(id: number): number {
    return this.#threads[id] ?? 0;
  }

  /** Takes a section with tables. Throws TraceFormatError. */
  read(payload: Uint8Array, entryCount: number): void {
    const reader = new ByteReader(payload);
    for (let left = entryCount; left > 0; left -= 1) this.#readEntry(reader);
    if (!reader.isAtEnd) throw new TraceFormatError("a section with tables goes on after its last entry");
  }

  #readEntry(reader: ByteReader): void {
    const { frames, threads, stacks, caches } = this.#tables;
    switch (reader.byte()) {
      case TABLE_ENTRY.FRAME:
        add(this.#frames, internText(frames, reader.text()));
        return;
      case TABLE_ENTRY.THREAD:
        add(this.#threads, internText(threads, reader.text()));
        return;
      case TABLE_ENTRY.STACK: {
        const parent = this.#stacks[reader.varint()];
        const frame = this.#frames[reader.varint()];
        if (parent === undefined || frame === undefined) throw new TraceFormatError("a stack of what is not there");
        add(this.#stacks, stacks.intern(parent, frame));
        return;
      }
      case TABLE_ENTRY.CACHE: {
        const [id, objectBytes, allocBytes] = [reader.varint(), reader.varint(), reader.varint()];
        const name = reader.text();
        const isNumber = objectBytes <= WORD_MAX && allocBytes <= WORD_MAX;
        if (!isNumber || id > caches.length || id >= CACHES_MAX) throw new TraceFormatError("a cache that cannot be");
        caches[id] = { name, objectBytes, allocBytes };
        return;
      }
      default:
        throw new TraceFormatError("an entry of a table that is not known");
    }
  }
}

function add(ids: number[], id: number): void {
  if (ids.length >= ENTRIES_MAX) throw new TraceFormatError("a table has too many entries");
  ids.push(id);
}
