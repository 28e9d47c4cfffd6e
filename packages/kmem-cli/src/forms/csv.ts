import { MAX_BLOCK_BYTES } from "../trace/block-matcher.ts";
import { type AllocCall, takeCall } from "./call-args.ts";
import { EVENT, LineFormReader, type LineVerdict, OTHER } from "./line-form.ts";

/** What columns may be called; the case, blanks and underscores in the header do not count. */
const COLUMN_NAMES = {
  op: ["op", "event", "type", "call", "operation", "action", "function", "kind", "name"],
  address: ["address", "addr", "ptr", "pointer", "block", "id", "blockid", "result"],
  size: ["size", "bytes", "sizebytes", "length", "requested", "bytesreq"],
  count: ["count", "nmemb", "n"],
  old: ["old", "oldaddress", "oldptr", "oldblock", "from"],
  align: ["align", "alignment"],
  time: ["timens", "time", "timestamp", "ts", "t", "nsecs"],
  timeUs: ["timeus", "us"],
  timeMs: ["timems", "ms"],
  thread: ["thread", "tid", "threadid", "pid", "slot"],
  cpu: ["cpu", "processor"],
  site: ["site", "callsite", "caller", "stack", "location", "backtrace"],
  allocated: ["allocated", "bytesalloc", "usable", "allocatedbytes"],
} as const;
type Column = keyof typeof COLUMN_NAMES;

/** What an operation may be called. */
const OPERATIONS: Readonly<Record<string, AllocCall>> = {
  malloc: "malloc",
  alloc: "malloc",
  allocate: "malloc",
  allocation: "malloc",
  new: "malloc",
  a: "malloc",
  m: "malloc",
  "+": "malloc",
  kmalloc: "malloc",
  kmemcachealloc: "malloc",
  calloc: "calloc",
  realloc: "realloc",
  r: "realloc",
  memalign: "memalign",
  alignedalloc: "memalign",
  free: "free",
  dealloc: "free",
  deallocate: "free",
  deallocation: "free",
  delete: "free",
  release: "free",
  f: "free",
  d: "free",
  "-": "free",
  kfree: "free",
  kmemcachefree: "free",
};

const SEPARATORS = [",", ";", "\t", "|"];
const FIELDS_MAX = 64;
const NS_PER_US = 1000;
const NS_PER_MS = 1e6;
/** Frames of a stack in one field are separated so, the outermost first. */
const FRAME_SEPARATOR = ";";

/** The columns of a header, by number of the field; undefined where it is the header of no trace. */
export function csvColumns(
  line: string,
): { readonly separator: string; readonly columns: Map<Column, number> } | undefined {
  for (const separator of SEPARATORS) {
    const names = splitCsv(line, separator).map(plain);
    if (names.length < 2) continue;
    const columns = new Map<Column, number>();
    for (const column of Object.keys(COLUMN_NAMES) as Column[]) {
      const known: readonly string[] = COLUMN_NAMES[column];
      const place = known.map((name) => names.indexOf(name)).find((index) => index >= 0);
      if (place !== undefined) columns.set(column, place);
    }
    if (columns.has("op") && columns.has("address") && columns.has("size")) return { separator, columns };
  }
  return undefined;
}

/** Reads CSV with a header that names its columns: an operation, an address or id, and a size at the least. */
export class CsvReader extends LineFormReader {
  protected readonly form = "csv";
  #separator = ",";
  #columns: ReadonlyMap<Column, number> | undefined;

  protected read(text: string): LineVerdict {
    if (text.trim() === "" || text.startsWith("#")) return OTHER;
    if (this.#columns === undefined) {
      const header = csvColumns(text);
      if (header === undefined) return "the header names no columns for operation, address and size";
      this.#separator = header.separator;
      this.#columns = header.columns;
      return OTHER;
    }
    const fields = splitCsv(text, this.#separator);
    const columns = this.#columns;
    const of = (column: Column): string | undefined => {
      const index = columns.get(column);
      const value = index === undefined ? undefined : fields[index]?.trim();
      return value === "" ? undefined : value;
    };
    const name = OPERATIONS[plain(of("op") ?? "")];
    if (name === undefined) return "the operation is not known";
    this.#setContext(of);
    return this.#take(name, of);
  }

  #setContext(of: (column: Column) => string | undefined): void {
    const { context, tables } = this;
    const numberOf = (column: Column, factor: number): number | undefined => {
      const value = Number(of(column) ?? Number.NaN);
      return Number.isFinite(value) && value >= 0 ? value * factor : undefined;
    };
    const time = numberOf("time", 1) ?? numberOf("timeUs", NS_PER_US) ?? numberOf("timeMs", NS_PER_MS);
    if (time !== undefined) context.timeNs = Math.round(time);
    const thread = of("thread");
    context.thread = thread === undefined ? 0 : tables.thread(thread);
    context.cpu = Math.floor(numberOf("cpu", 1) ?? -1) + 1;
    const allocated = numberOf("allocated", 1) ?? 0;
    context.allocatedBytes = allocated <= MAX_BLOCK_BYTES ? Math.floor(allocated) : 0;
    let stack = 0;
    const frames = of("site")?.split(FRAME_SEPARATOR, FIELDS_MAX) ?? [];
    for (const frame of frames) stack = tables.stacks.intern(stack, tables.frame(frame.trim()));
    context.stack = stack;
  }

  #take(name: AllocCall, of: (column: Column) => string | undefined): LineVerdict {
    const pointer = addressOf(of("address"));
    const size = of("size") ?? "";
    const argsOf: Partial<Record<AllocCall, readonly string[]>> = {
      malloc: [size],
      calloc: [of("count") ?? "1", size],
      realloc: [addressOf(of("old") ?? of("address")), size],
      memalign: [of("align") ?? "1", size],
      free: [pointer],
    };
    const result = takeCall(this.blocks, name, argsOf[name]!, pointer);
    if ("reason" in result) return result.reason;
    this.count(result.name);
    return EVENT;
  }
}

/** Ids count from 0, and 0 is a block; only an address is null. */
function addressOf(text: string | undefined): string {
  if (text === undefined) return "";
  return /^\d{1,15}$/.test(text) ? String(Number(text) + 1) : text;
}

function plain(name: string): string {
  return (
    name
      .trim()
      .toLowerCase()
      .replaceAll(/[\s_-]/g, "") || name.trim()
  );
}

/** The fields of a line; quotes keep separators, and two of them are one. */
function splitCsv(line: string, separator: string): string[] {
  if (!line.includes('"')) return line.split(separator, FIELDS_MAX);
  const fields: string[] = [];
  let field = "";
  let isQuoted = false;
  for (let at = 0; at < line.length && fields.length < FIELDS_MAX; at += 1) {
    const character = line[at]!;
    if (character === '"') {
      if (isQuoted && line[at + 1] === '"') {
        field += '"';
        at += 1;
      } else isQuoted = !isQuoted;
    } else if (character === separator && !isQuoted) {
      fields.push(field);
      field = "";
    } else field += character;
  }
  fields.push(field);
  return fields;
}
