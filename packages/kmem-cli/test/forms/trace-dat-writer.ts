import { deflateSync, zstdCompressSync } from "node:zlib";
import {
  descriptionParts,
  FileBuilder,
  type Machine,
  PC,
  recordOf,
  tracingStart,
  type WrittenEvent,
} from "./kernel-writer.ts";

const DEFAULT_PAGE_BYTES = 4096;
const DELTA_LIMIT = 1n << 27n;
const PAGES_PER_CHUNK = 4;

/** How a file is written. */
export interface TraceDatOptions {
  readonly machine?: Machine;
  readonly version?: 6 | 7;
  readonly packing?: "none" | "zstd" | "zlib";
  readonly pageBytes?: number;
  readonly clock?: string;
  /** Whether times that a delta has no room for are written as absolute ones. */
  readonly absolute?: boolean;
  /** Every so many events one stands before them that was discarded. */
  readonly discardEvery?: number;
  /** Pages without events that stand after the others of each processor, and pages that are packed at once. */
  readonly emptyPages?: number;
  readonly pagesPerChunk?: number;
  /** Changes what is packed before it is. */
  readonly beforePacking?: (bytes: Uint8Array) => Uint8Array;
  /** Events that were lost before the second page of each processor; -1 where their number is not known. */
  readonly lost?: number;
}

/** The pages of one processor's ring buffer with its events. */
function ringPages(events: readonly WrittenEvent[], options: TraceDatOptions = {}): Uint8Array[] {
  const machine = options.machine ?? PC;
  const pageBytes = options.pageBytes ?? DEFAULT_PAGE_BYTES;
  const headBytes = 8 + machine.longBytes;
  const pages: Uint8Array[] = [];
  let entries = new FileBuilder(machine);
  let last = 0n;
  let first = 0n;
  const flush = (): void => {
    if (entries.length === 0) return;
    const page = new FileBuilder(machine).u64(first);
    const lost = pages.length === 1 ? (options.lost ?? 0) : 0;
    const flags = lost === 0 ? 0n : lost > 0 ? 0xc000_0000n : 0x8000_0000n;
    page.number(BigInt(entries.length) | flags, machine.longBytes).add(entries.bytes);
    if (lost > 0) page.number(BigInt(lost), machine.longBytes);
    pages.push(page.align(pageBytes).bytes);
    entries = new FileBuilder(machine);
  };
  const head = (type: number, delta: number): void => {
    const word = machine.littleEndian ? type + delta * 32 : type * 2 ** 27 + delta;
    entries.u32(word);
  };
  for (const [index, event] of events.entries()) {
    const record = recordOf(event, machine);
    // Room for the event, its head, a time before it, a discarded one, and the number of lost ones.
    if (headBytes + entries.length + 2 * record.length + 40 > pageBytes) flush();
    if (entries.length === 0) {
      first = event.timeNs;
      last = first;
    }
    let delta = event.timeNs - last;
    if (delta >= DELTA_LIMIT) {
      const stamp = options.absolute === true ? event.timeNs & ((1n << 59n) - 1n) : delta;
      head(options.absolute === true ? 31 : 30, Number(stamp % DELTA_LIMIT));
      entries.u32(Number(stamp / DELTA_LIMIT));
      delta = 0n;
    }
    if (options.discardEvery !== undefined && index % options.discardEvery === 1) {
      // The word is the length of what follows it, itself included.
      head(29, 1);
      entries.u32(record.length + 4).add(record);
      delta = delta > 0n ? delta - 1n : 0n;
    }
    if (index % 3 === 2) {
      head(0, Number(delta));
      entries.u32(record.length + 4);
    } else head(record.length / 4, Number(delta));
    entries.add(record);
    last = event.timeNs;
  }
  flush();
  const empty = new Uint8Array(pageBytes);
  for (let left = options.emptyPages ?? 0; left > 0; left -= 1) pages.push(empty);
  return pages;
}

function byCpu(events: readonly WrittenEvent[]): WrittenEvent[][] {
  const cpuCount = events.reduce((most, { cpu }) => Math.max(most, cpu), 0) + 1;
  return Array.from({ length: cpuCount }, (_, cpu) => events.filter((event) => event.cpu === cpu));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A file as trace-cmd writes it. */
export function traceDat(events: readonly WrittenEvent[], options: TraceDatOptions = {}): Uint8Array {
  return (options.version ?? 6) === 6 ? version6(events, options) : version7(events, options);
}

function version6(events: readonly WrittenEvent[], options: TraceDatOptions): Uint8Array {
  const { machine = PC, pageBytes = DEFAULT_PAGE_BYTES, clock = "local" } = options;
  const file = new FileBuilder(machine).add(tracingStart(machine, "6", pageBytes));
  const { header, ftrace, formats, kallsyms, printk, comms } = descriptionParts(machine, pageBytes);
  for (const part of [header!, ftrace!, formats!, kallsyms!, printk!, comms!]) file.add(part);
  const cpus = byCpu(events).map((some) => joined(ringPages(some, options)));
  const clocks = `[${clock}] global counter\n`;
  file
    .u32(cpus.length)
    .text("options  \0")
    .u16(4)
    .u32(clocks.length + 1)
    .text(`${clocks}\0`)
    .u16(0)
    .text("flyrecord\0");
  const tableAt = file.length;
  for (const _ of cpus) file.u64(0).u64(0);
  file.u64(clocks.length).text(clocks);
  for (const [cpu, pages] of cpus.entries()) {
    file.align(pageBytes);
    file.putU64(tableAt + cpu * 16, file.length);
    file.putU64(tableAt + cpu * 16 + 8, pages.length);
    file.add(pages);
  }
  return file.bytes;
}

function version7(events: readonly WrittenEvent[], options: TraceDatOptions): Uint8Array {
  const { machine = PC, pageBytes = DEFAULT_PAGE_BYTES, clock = "local", packing = "none" } = options;
  const pack = (bytes: Uint8Array): Uint8Array => (packing === "zstd" ? zstdCompressSync(bytes) : deflateSync(bytes));
  const file = new FileBuilder(machine).add(tracingStart(machine, "7", pageBytes)).text(`${packing}\0${"1.0"}\0`);
  const optionsPointer = file.length;
  file.u64(0);
  const { beforePacking = (bytes: Uint8Array): Uint8Array => bytes } = options;
  const section = (id: number, written: Uint8Array, isPacked: boolean): number => {
    const at = file.length;
    const content = isPacked ? beforePacking(written) : written;
    const packed = isPacked ? pack(content) : content;
    file
      .u16(id)
      .u16(Number(isPacked))
      .u32(0)
      .u64(packed.length + (isPacked ? 8 : 0));
    if (isPacked) file.u32(packed.length).u32(content.length);
    file.add(packed);
    return at;
  };
  const parts = descriptionParts(machine, pageBytes);
  const ids = { header: 16, ftrace: 17, formats: 18, kallsyms: 19, printk: 20, comms: 21 };
  const settings = new FileBuilder(machine);
  for (const [name, id] of Object.entries(ids)) {
    const at = section(id, parts[name]!, packing !== "none" && id !== 16);
    settings.u16(id).u32(8).u64(at);
  }
  // Strings that sections are named by, the empty one alone.
  section(15, new Uint8Array(1), false);
  const bufferAt = file.length;
  file
    .u16(3)
    .u16(Number(packing !== "none"))
    .u32(0)
    .u64(0);
  const table = new FileBuilder(machine);
  const cpus = byCpu(events);
  table.u64(bufferAt).text(`\0${clock}\0`).u32(pageBytes).u32(cpus.length);
  for (const [cpu, some] of cpus.entries()) {
    file.align(pageBytes);
    const at = file.length;
    const pages = ringPages(some, options);
    if (packing === "none") file.add(joined(pages));
    else {
      const { pagesPerChunk = PAGES_PER_CHUNK } = options;
      const chunks = Array.from({ length: Math.ceil(pages.length / pagesPerChunk) }, (_, index) =>
        beforePacking(joined(pages.slice(index * pagesPerChunk, (index + 1) * pagesPerChunk))),
      );
      file.u32(chunks.length);
      for (const chunk of chunks) {
        const packed = pack(chunk);
        file.u32(packed.length).u32(chunk.length).add(packed);
      }
    }
    table
      .u32(cpu)
      .u64(at)
      .u64(file.length - at);
  }
  file.putU64(bufferAt + 8, file.length - bufferAt - 16);
  settings.u16(8).u32(4).u32(cpus.length);
  settings.u16(3).u32(table.length).add(table.bytes).u16(0).u32(8).u64(0);
  file.putU64(optionsPointer, section(0, settings.bytes, false));
  return file.bytes;
}
