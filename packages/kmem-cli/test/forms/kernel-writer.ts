import { bytesOf } from "../trace/support.ts";

/** An event of a kernel's as tests write it into files. */
export interface WrittenEvent {
  readonly cpu: number;
  readonly timeNs: bigint;
  readonly pid: number;
  readonly name: string;
  /** Numbers by field; the field `name` is a text. */
  readonly fields: Readonly<Record<string, bigint | string>>;
}

/** The machine that a file is said to come from. */
export interface Machine {
  readonly littleEndian: boolean;
  readonly longBytes: 4 | 8;
}

export const PC: Machine = { littleEndian: true, longBytes: 8 };

type Kind = "long" | "pointer" | "int" | "bool" | "text";

interface Definition {
  readonly id: number;
  readonly fields: readonly (readonly [name: string, kind: Kind])[];
  readonly print: string;
}

const COMMON_BYTES = 8;
const FIRST_BYTES = 128;
const FLAGS = '__print_flags(REC->gfp_flags, "|", {0xcc0, "GFP_KERNEL"})';
const SITE = "(void *)REC->call_site, REC->ptr";

const ALLOC: Omit<Definition, "id"> = {
  fields: [
    ["call_site", "long"],
    ["ptr", "pointer"],
    ["bytes_req", "long"],
    ["bytes_alloc", "long"],
    ["gfp_flags", "long"],
    ["node", "int"],
    ["accounted", "bool"],
  ],
  print:
    '"call_site=%pS ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s node=%d accounted=%s", ' +
    `${SITE}, REC->bytes_req, REC->bytes_alloc, ${FLAGS}, REC->node, REC->accounted ? "true" : "false"`,
};

/** The kinds of events, as recent kernels describe them. */
export const DEFINITIONS: Readonly<Record<string, Definition>> = {
  kmalloc: { id: 501, ...ALLOC },
  kmem_cache_alloc: { id: 502, ...ALLOC },
  kfree: {
    id: 503,
    fields: [
      ["call_site", "long"],
      ["ptr", "pointer"],
    ],
    print: `"call_site=%pS ptr=%p", ${SITE}`,
  },
  kmem_cache_free: {
    id: 504,
    fields: [
      ["call_site", "long"],
      ["ptr", "pointer"],
      ["name", "text"],
    ],
    print: `"call_site=%pS ptr=%p name=%s", ${SITE}, __get_str(name)`,
  },
  mm_page_alloc: {
    id: 505,
    fields: [
      ["pfn", "long"],
      ["order", "int"],
      ["gfp_flags", "long"],
      ["migratetype", "int"],
    ],
    print:
      '"page=%p pfn=0x%lx order=%d migratetype=%d gfp_flags=%s", ' +
      `(void *)0, REC->pfn, REC->order, REC->migratetype, ${FLAGS}`,
  },
  mm_page_free: {
    id: 506,
    fields: [
      ["pfn", "long"],
      ["order", "int"],
    ],
    print: '"page=%p pfn=0x%lx order=%d", (void *)0, REC->pfn, REC->order',
  },
  mm_page_free_batched: {
    id: 507,
    fields: [["pfn", "long"]],
    print: '"page=%p pfn=0x%lx order=0", (void *)0, REC->pfn',
  },
};

function sizeOf(kind: Kind, machine: Machine): number {
  if (kind === "bool") return 1;
  return kind === "long" || kind === "pointer" ? machine.longBytes : 4;
}

/** Where the fields of a kind of event stand, as a compiler lays them out. */
function placesOf({ fields }: Definition, machine: Machine): Map<string, { offset: number; size: number; kind: Kind }> {
  let at = COMMON_BYTES;
  const places = new Map<string, { offset: number; size: number; kind: Kind }>();
  for (const [name, kind] of fields) {
    const size = sizeOf(kind, machine);
    at = Math.ceil(at / size) * size;
    places.set(name, { offset: at, size, kind });
    at += size;
  }
  return places;
}

const C_TYPES: Readonly<Record<Kind, string>> = {
  long: "unsigned long",
  pointer: "const void *",
  int: "int",
  bool: "bool",
  text: "__data_loc char[]",
};

/** The kernel's description of a kind of event. */
function formatText(name: string, machine: Machine): string {
  const definition = DEFINITIONS[name]!;
  const line = (declaration: string, offset: number, size: number, signed = 0): string =>
    `\tfield:${declaration};\toffset:${offset};\tsize:${size};\tsigned:${signed};\n`;
  const fields = [...placesOf(definition, machine)].map(([field, { offset, size, kind }]) =>
    line(`${C_TYPES[kind]} ${field}`, offset, size, Number(kind === "int")),
  );
  return (
    `name: ${name}\nID: ${definition.id}\nformat:\n` +
    line("unsigned short common_type", 0, 2) +
    line("unsigned char common_flags", 2, 1) +
    line("unsigned char common_preempt_count", 3, 1) +
    line("int common_pid", 4, 4, 1) +
    `\n${fields.join("")}\nprint fmt: ${definition.print}\n`
  );
}

/** Bytes that are put together piece by piece, in the order of a machine. */
export class FileBuilder {
  readonly #machine: Machine;
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  #room(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const grown = new Uint8Array(this.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    this.#view.setUint16(at, value, this.#machine.littleEndian);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, value, this.#machine.littleEndian);
    return this;
  }

  u64(value: bigint | number): this {
    const at = this.#room(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), this.#machine.littleEndian);
    return this;
  }

  /** A number of so many bytes. */
  number(value: bigint, size: number): this {
    if (size === 8) return this.u64(value);
    const low = Number(BigInt.asUintN(size * 8, value));
    if (size === 4) return this.u32(low);
    return size === 2 ? this.u16(low) : this.u8(low);
  }

  add(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  text(text: string): this {
    return this.add(bytesOf(text));
  }

  /** Fills up to a multiple. */
  align(multiple: number, from = 0): this {
    while ((this.length - from) % multiple !== 0) this.u8(0);
    return this;
  }

  /** Writes a number of 64 bits in a place that was left for it. */
  putU64(at: number, value: bigint | number): void {
    this.#view.setBigUint64(at, BigInt(value), this.#machine.littleEndian);
  }
}

/** The record of an event, as it lies in a ring buffer. */
export function recordOf(event: WrittenEvent, machine: Machine): Uint8Array {
  const definition = DEFINITIONS[event.name]!;
  const builder = new FileBuilder(machine);
  builder
    .u16(definition.id)
    .u8(0)
    .u8(0)
    .u32(event.pid >>> 0);
  const places = placesOf(definition, machine);
  const fixedBytes = Math.max(...[...places.values()].map(({ offset, size }) => offset + size));
  let tail = "";
  for (const [name, { offset, size, kind }] of places) {
    while (builder.length < offset) builder.u8(0);
    const value = event.fields[name] ?? 0n;
    if (kind === "text") {
      tail = `${value}\0`;
      builder.u32(fixedBytes | (tail.length << 16));
    } else builder.number(BigInt(value), size);
  }
  return builder.text(tail).align(4).bytes;
}

const PAGE_HEADER = (machine: Machine, pageBytes: number): string =>
  "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n" +
  `\tfield: local_t commit;\toffset:8;\tsize:${machine.longBytes};\tsigned:1;\n` +
  "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n" +
  `\tfield: char data;\toffset:${8 + machine.longBytes};\tsize:${pageBytes - 8 - machine.longBytes};\tsigned:1;\n`;
const EVENT_HEADER =
  "# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n\tarray       :   32 bits\n\n" +
  "\tpadding     : type == 29\n\ttime_extend : type == 30\n\ttime_stamp : type == 31\n\tdata max type_len  == 28\n";

function sized(text: string, machine: Machine): Uint8Array {
  return new FileBuilder(machine).u64(text.length).text(text).bytes;
}

/** Parts that describe the machine's events; each as it stands in its section. */
export function descriptionParts(machine: Machine, pageBytes: number): Record<string, Uint8Array> {
  const builder = (): FileBuilder => new FileBuilder(machine);
  const names = Object.keys(DEFINITIONS);
  const formats = builder().u32(1).text("kmem\0").u32(names.length);
  for (const name of names) formats.add(sized(formatText(name, machine), machine));
  const kallsyms =
    "ffffffff81000000 T alpha_open\nffffffff81000100 T alpha_close\nffffffff81000200 t beta_get\n" +
    "ffffffffa0000000 t beta_put\t[beta]\n";
  return {
    header: builder()
      .text("header_page\0")
      .add(sized(PAGE_HEADER(machine, pageBytes), machine))
      .text("header_event\0")
      .add(sized(EVENT_HEADER, machine)).bytes,
    ftrace: builder().u32(0).bytes,
    formats: formats.bytes,
    kallsyms: builder().u32(kallsyms.length).text(kallsyms).bytes,
    printk: builder().u32(0).bytes,
    comms: builder().add(sized("171 prog\n172 a b\n", machine)).bytes,
  };
}

/** Bytes that trace-cmd's files and perf's description of tracepoints begin with. */
export function tracingStart(machine: Machine, version: string, pageBytes: number): Uint8Array {
  return new FileBuilder(machine)
    .text(`\x17\x08Dtracing${version}\0`)
    .u8(machine.littleEndian ? 0 : 1)
    .u8(machine.longBytes)
    .u32(pageBytes).bytes;
}
