import { zstdCompressSync } from "node:zlib";
import {
  DEFINITIONS,
  descriptionParts,
  FileBuilder,
  type Machine,
  PC,
  recordOf,
  tracingStart,
  type WrittenEvent,
} from "./kernel-writer.ts";

const ATTR_BYTES = 128;
const HEAD_BYTES = 104;
const PAGE_BYTES = 4096;
const TRACEPOINT = 2;
const FIRST_ID = 7000n;
/** IP, TID, TIME, CPU, RAW, IDENTIFIER; and with extras READ and CALLCHAIN. */
const SAMPLE_TYPE = 0x10487n;
const EXTRA_TYPE = 0x10n | 0x20n;
/** The times that a counter was enabled and running, and its id. */
const READ_FORMAT = 7n;
const COMMS = { 171: "prog", 172: "a b" };
const EVENTS_PER_ROUND = 100;
/** The bits of perf_event_attr for comm and sample_id_all. */
const FLAG_BITS = [9, 18];
const PACKED_PART_BYTES = 7001;
const PACKING_FEATURE = 27n;
/** What perf is to make room for when it unpacks a record. */
const PACKED_ROOM_BYTES = 2 ** 20;

/** How a file is written. */
export interface PerfDataOptions {
  readonly machine?: Machine;
  /** As `perf record -o -` writes it. */
  readonly asStream?: boolean;
  /** Whether samples have counters and call chains. */
  readonly extras?: boolean;
  /** The kind of records that all others are packed into: 81 or 83. */
  readonly packedKind?: number;
  /** Changes the records that are packed together before they are. */
  readonly beforePacking?: (bytes: Uint8Array) => Uint8Array;
  /** Records that come before all others, as they are. */
  readonly first?: readonly Uint8Array[];
  /** What a record says that the kernel lost. */
  readonly lost?: number;
}

type Change = (bytes: Uint8Array) => Uint8Array;

function attrOf(name: string, machine: Machine, hasExtras: boolean): Uint8Array {
  const flags = FLAG_BITS.reduce((sum, bit) => sum | (1n << BigInt(machine.littleEndian ? bit : 63 - bit)), 0n);
  const attr = new FileBuilder(machine).u32(TRACEPOINT).u32(ATTR_BYTES).u64(DEFINITIONS[name]!.id).u64(1);
  attr
    .u64(SAMPLE_TYPE | (hasExtras ? EXTRA_TYPE : 0n))
    .u64(hasExtras ? READ_FORMAT : 4n)
    .u64(flags);
  while (attr.length < ATTR_BYTES) attr.u8(0);
  return attr.bytes;
}

/** A record of a kind with what follows its head. */
export function record(machine: Machine, kind: number, body: Uint8Array): Uint8Array {
  return new FileBuilder(machine)
    .u32(kind)
    .u16(1)
    .u16(body.length + 8)
    .add(body).bytes;
}

function idOf(name: string): bigint {
  return FIRST_ID + BigInt(DEFINITIONS[name]!.id);
}

function sample(event: WrittenEvent, machine: Machine, hasExtras: boolean): Uint8Array {
  const raw = recordOf(event, machine);
  const body = new FileBuilder(machine).u64(idOf(event.name)).u64(0xffffffff81000010n);
  body.u32(event.pid).u32(event.pid).u64(event.timeNs).u32(event.cpu).u32(0);
  // A counter that has not moved since the last sample would have perf leave the sample out.
  if (hasExtras)
    body.u64(event.timeNs).u64(2).u64(3).u64(idOf(event.name)).u64(2).u64(0xffffffffffffff80n).u64(0xffffffff81000108n);
  // The length of the raw part and its own come to a multiple of eight.
  const paddedBytes = Math.ceil((raw.length + 4) / 8) * 8 - 4;
  body.u32(paddedBytes).add(raw);
  return record(machine, 9, body.align(8).bytes);
}

function comm(pid: number, name: string, machine: Machine): Uint8Array {
  const body = new FileBuilder(machine).u32(pid).u32(pid).text(`${name}\0`).align(8);
  // The context of a record that was not caused by an event: nothing but zeros.
  return record(machine, 3, body.u32(pid).u32(pid).u64(0).u32(0).u32(0).u64(0).bytes);
}

function recordsOf(events: readonly WrittenEvent[], machine: Machine, options: PerfDataOptions): Uint8Array[] {
  const records = Object.entries(COMMS).map(([pid, name]) => comm(Number(pid), name, machine));
  if (options.lost !== undefined) {
    const id = idOf("kfree");
    const body = new FileBuilder(machine).u64(id).u64(options.lost).u32(0).u32(0).u64(events[0]!.timeNs);
    records.push(record(machine, 2, body.u32(0).u32(0).u64(id).bytes));
  }
  for (let at = 0; at < events.length; at += EVENTS_PER_ROUND) {
    // Each round reads one processor's buffer after another.
    const round = [...events.slice(at, at + EVENTS_PER_ROUND)].sort((a, b) => a.cpu - b.cpu);
    records.push(...round.map((event) => sample(event, machine, options.extras === true)));
    records.push(record(machine, 68, new Uint8Array(0)));
  }
  return records;
}

function packed(records: readonly Uint8Array[], kind: number, machine: Machine, change: Change): Uint8Array[] {
  const whole = new Uint8Array(Buffer.concat(records));
  // What is packed together does not end where a record does.
  return Array.from({ length: Math.ceil(whole.length / PACKED_PART_BYTES) }, (_, index) => {
    const plain = change(whole.subarray(index * PACKED_PART_BYTES, (index + 1) * PACKED_PART_BYTES));
    const part = new Uint8Array(zstdCompressSync(plain));
    if (kind === 81) return record(machine, kind, part);
    return record(machine, kind, new FileBuilder(machine).u64(part.length).add(part).align(8).bytes);
  });
}

/** A file as perf writes it. */
export function perfData(events: readonly WrittenEvent[], options: PerfDataOptions = {}): Uint8Array {
  const machine = options.machine ?? PC;
  const parts = descriptionParts(machine, PAGE_BYTES);
  const tracing = new FileBuilder(machine).add(tracingStart(machine, "0.6", PAGE_BYTES));
  for (const part of ["header", "ftrace", "formats", "kallsyms", "printk", "comms"]) tracing.add(parts[part]!);
  const plain = recordsOf(events, machine, options);
  const { packedKind, beforePacking = (bytes: Uint8Array): Uint8Array => bytes } = options;
  const written = packedKind === undefined ? plain : packed(plain, packedKind, machine, beforePacking);
  const records = [...(options.first ?? []), ...written];
  return options.asStream === true
    ? stream(machine, tracing.bytes, records, options.extras === true)
    : file(machine, tracing.bytes, records, options.extras === true);
}

function magic(machine: Machine): string {
  return machine.littleEndian ? "PERFILE2" : "2ELIFREP";
}

function stream(machine: Machine, tracing: Uint8Array, records: readonly Uint8Array[], hasExtras: boolean): Uint8Array {
  const file = new FileBuilder(machine).text(magic(machine)).u64(16);
  for (const name of Object.keys(DEFINITIONS)) {
    const body = new FileBuilder(machine).add(attrOf(name, machine, hasExtras)).u64(idOf(name));
    file.add(record(machine, 64, body.bytes));
  }
  const paddedBytes = Math.ceil(tracing.length / 8) * 8;
  file.add(record(machine, 66, new FileBuilder(machine).u32(paddedBytes).bytes));
  const tracingAt = file.length;
  file.add(tracing).align(8, tracingAt);
  for (const one of records) file.add(one);
  return file.bytes;
}

function file(machine: Machine, tracing: Uint8Array, records: readonly Uint8Array[], hasExtras: boolean): Uint8Array {
  const names = Object.keys(DEFINITIONS);
  const idsAt = HEAD_BYTES;
  const attrsAt = idsAt + names.length * 8;
  const attrsBytes = names.length * (ATTR_BYTES + 16);
  const data = new Uint8Array(Buffer.concat(records));
  const out = new FileBuilder(machine)
    .text(magic(machine))
    .u64(HEAD_BYTES)
    .u64(ATTR_BYTES + 16);
  out
    .u64(attrsAt)
    .u64(attrsBytes)
    .u64(attrsAt + attrsBytes)
    .u64(data.length)
    .u64(0)
    .u64(0);
  // The flags are words of 64 bits; those that are set say that there are sections on tracepoints and on the packing.
  out
    .u64(2n | (1n << PACKING_FEATURE))
    .u64(0)
    .u64(0)
    .u64(0);
  for (const name of names) out.u64(idOf(name));
  for (const [index, name] of names.entries())
    out
      .add(attrOf(name, machine, hasExtras))
      .u64(idsAt + index * 8)
      .u64(8);
  out.add(data);
  const packing = new FileBuilder(machine).u32(1).u32(1).u32(1).u32(1).u32(PACKED_ROOM_BYTES).bytes;
  const sectionsAt = out.length + 32;
  out
    .u64(sectionsAt)
    .u64(tracing.length)
    .u64(sectionsAt + tracing.length)
    .u64(packing.length);
  return out.add(tracing).add(packing).bytes;
}
