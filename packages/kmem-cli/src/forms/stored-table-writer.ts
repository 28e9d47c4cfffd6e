import type { TraceTables } from "../trace/trace-tables.ts";
import { ByteWriter } from "./stored-byte-writer.ts";
import { SECTION_TYPE, TABLE_ENTRY } from "./stored-layout.ts";
import type { SectionWriter } from "./stored-section-writer.ts";

/** Bytes of tables that are written as one section. */
const SECTION_BYTES = 2 ** 20;

/** Writes the names, stacks and caches that have come up since the last time, before the events that name them. */
export class TableWriter {
  readonly #tables: TraceTables;
  readonly #sections: SectionWriter;
  readonly #bytes = new ByteWriter();
  #entryCount = 0;
  #frameCount = 1;
  #stackCount = 1;
  #threadCount = 1;
  /** By cache id: the name that was written. */
  readonly #cacheNames: string[] = [];

  constructor(tables: TraceTables, sections: SectionWriter) {
    this.#tables = tables;
    this.#sections = sections;
  }

  /** Writes what is new. Ids count up from 1, so that frames, stacks and threads need none in the file. */
  writeNew(): void {
    const { frames, stacks, threads, caches } = this.#tables;
    for (; this.#frameCount < frames.count; this.#frameCount += 1) {
      this.#begin(TABLE_ENTRY.FRAME).text(frames.name(this.#frameCount));
    }
    for (; this.#stackCount < stacks.count; this.#stackCount += 1) {
      const bytes = this.#begin(TABLE_ENTRY.STACK);
      bytes.varint(stacks.parent(this.#stackCount));
      bytes.varint(stacks.frame(this.#stackCount));
    }
    for (; this.#threadCount < threads.count; this.#threadCount += 1) {
      this.#begin(TABLE_ENTRY.THREAD).text(threads.name(this.#threadCount));
    }
    for (const [id, { name, objectBytes, allocBytes }] of caches.entries()) {
      if (this.#cacheNames[id] === name) continue;
      this.#cacheNames[id] = name;
      const bytes = this.#begin(TABLE_ENTRY.CACHE);
      bytes.varint(id);
      bytes.varint(objectBytes);
      bytes.varint(allocBytes);
      bytes.text(name);
    }
    this.#end();
  }

  #begin(type: number): ByteWriter {
    if (this.#bytes.length >= SECTION_BYTES) this.#end();
    this.#entryCount += 1;
    this.#bytes.byte(type);
    return this.#bytes;
  }

  #end(): void {
    if (this.#entryCount === 0) return;
    this.#sections.section(SECTION_TYPE.TABLES, this.#entryCount, this.#bytes.written);
    this.#bytes.clear();
    this.#entryCount = 0;
  }
}
