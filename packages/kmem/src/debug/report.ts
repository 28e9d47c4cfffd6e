import { anyValue, type Checks, readOptions, requireOptionalFunction } from "../memory/arguments.ts";
import { hex } from "../memory/errors.ts";
import { framesOf, type MapFrame } from "./stack.ts";

/** Who allocated or freed a block. */
export interface Track {
  /** The stack of the call; empty where none was kept. */
  readonly stack: string;
  /** The slot of the thread. */
  readonly slot: number;
  /** Milliseconds before the report. */
  readonly ageMs: number;
}

/** What is known of the block that a report is about. */
export interface ReportedBlock {
  /** First byte of the object. */
  readonly address: number;
  /** Bytes that were asked for. */
  readonly sizeBytes: number;
  /** What its record says that it is: live, free, … */
  readonly state: string;
  /** Bytes from the start of the slab, or of the pages, to the object. */
  readonly offset: number;
  /** Who allocated it last; undefined where that was not kept. */
  readonly allocated: Track | undefined;
  /** Who freed it last; undefined where nobody has, or that was not kept. */
  readonly freed: Track | undefined;
  /** The slab: its address, its blocks, and how many of them are in use; undefined for runs of pages. */
  readonly slab: { readonly address: number; readonly objects: number; readonly used: number } | undefined;
}

/** Bytes that are not what they were. */
export interface ReportedBytes {
  /** What they are part of: a red zone, poison, padding. */
  readonly what: string;
  /** First and one past the last byte that differs. */
  readonly from: number;
  /** One past the last byte that differs. */
  readonly to: number;
  /** Bytes from the start of the slab to the first of them. */
  readonly offset: number;
  /** The byte that should be there, 0 to 255. */
  readonly expected: number;
  /** The byte that is there, the first that differs. */
  readonly found: number;
  /** Where the first lies, seen from the object. */
  readonly where: string;
}

/** All that a report says; {@link BugReport} prints it. */
export interface BugFacts {
  /** Name of the cache, as `kmalloc-64` is. */
  readonly cache: string;
  /** What is wrong: "Object corrupt", "Object already free", … */
  readonly reason: string;
  /** The bytes that were overwritten; undefined where none were. */
  readonly bytes: ReportedBytes | undefined;
  /** The address that a call was given, where it is the call that is wrong. */
  readonly address: number | undefined;
  /** The block that it is about; undefined where there is none. */
  readonly block: ReportedBlock | undefined;
  /** Rows of the memory around. */
  readonly dump: readonly string[];
  /** Who found it: the stack of the call in which it came to light. */
  readonly stack: string;
  /** What was done about it. */
  readonly fix: string | undefined;
}

const FACT_CHECKS: Checks<BugFacts> = {
  cache: anyValue,
  reason: anyValue,
  bytes: anyValue,
  address: anyValue,
  block: anyValue,
  dump: anyValue,
  stack: anyValue,
  fix: anyValue,
};

const RULE: string = "=".repeat(77);
const THIN_RULE: string = "-".repeat(77);

/** A bug that a debugged heap has found, in the shape of SLUB's reports. */
export class BugReport implements BugFacts {
  /** Name of the cache, as `kmalloc-64` is. */
  readonly cache: string;
  /** What is wrong: "Object corrupt", "Object already free", … */
  readonly reason: string;
  /** The bytes that were overwritten; undefined where none were. */
  readonly bytes: ReportedBytes | undefined;
  /** The address that a call was given, where it is the call that is wrong. */
  readonly address: number | undefined;
  /** The block that it is about; undefined where there is none. */
  readonly block: ReportedBlock | undefined;
  /** Rows of the memory around. */
  readonly dump: readonly string[];
  /** The stack of the call in which it came to light. */
  readonly stack: string;
  /** What was done about it; undefined where nothing was. */
  readonly fix: string | undefined;

  /** A report of these facts. Throws BAD_ARGUMENT for what is no object. */
  constructor(given: BugFacts) {
    const facts = readOptions("facts", given, FACT_CHECKS);
    this.cache = facts.cache;
    this.reason = facts.reason;
    this.bytes = facts.bytes;
    this.address = facts.address;
    this.block = facts.block;
    this.dump = facts.dump;
    this.stack = facts.stack;
    this.fix = facts.fix;
  }

  /** One line: what is wrong, with which block, where. */
  get title(): string {
    const { bytes, block } = this;
    const what = bytes === undefined ? this.reason : `${bytes.what} overwritten, ${bytes.where}`;
    const at = block === undefined ? "" : `, object ${hex(block.address)} of ${block.sizeBytes} bytes`;
    return `BUG ${this.cache}: ${what}${at}`;
  }

  /** The report as the kernel's log has it; `mapFrame` may resolve the frames of its stacks. */
  text(mapFrame?: MapFrame): string {
    requireOptionalFunction("mapFrame", mapFrame);
    const { bytes, block } = this;
    const lines: string[] = [];
    if (bytes !== undefined) lines.push(bytesLine(bytes));
    lines.push(RULE, `BUG ${this.cache}: ${this.reason}`, THIN_RULE, "");
    if (block !== undefined) lines.push(...blockLines(block, mapFrame));
    if (bytes !== undefined) lines.push(`First bad byte: ${bytes.where}`);
    if (this.dump.length > 0) lines.push("", ...this.dump);
    const frames = framesOf(this.stack, mapFrame);
    if (frames.length > 0) lines.push("Found in", ...frames.map((frame) => `\t${frame}`));
    if (this.fix !== undefined) lines.push(`FIX ${this.cache}: ${this.fix}`);
    return lines.join("\n");
  }

  /** The same as {@link text} without a function for frames. */
  toString(): string {
    return this.text();
  }

  /** The facts and the title, as plain data. */
  toJSON(): BugFacts & { readonly title: string } {
    const { cache, reason, bytes, address, block, dump, stack, fix, title } = this;
    return { title, cache, reason, bytes, address, block, dump, stack, fix };
  }
}

function bytesLine({ what, from, to, offset, expected, found }: ReportedBytes): string {
  const first = `First byte ${byteText(found)} instead of ${byteText(expected)}`;
  return `[${what} overwritten] ${hex(from)}-${hex(to - 1)} @offset=${offset}. ${first}`;
}

/** A byte as the kernel prints it: 0x and the digits that it takes. */
function byteText(byte: number): string {
  return `0x${byte.toString(16)}`;
}

function blockLines({ address, sizeBytes, offset, allocated, freed, slab }: ReportedBlock, map?: MapFrame): string[] {
  const lines: string[] = [];
  if (allocated !== undefined) lines.push(...trackLines("Allocated", allocated, map));
  if (freed !== undefined) lines.push(...trackLines("Freed", freed, map));
  if (slab !== undefined) lines.push(`Slab ${hex(slab.address)} objects=${slab.objects} used=${slab.used}`);
  lines.push(`Object ${hex(address)} @offset=${offset} size=${sizeBytes}`);
  return lines;
}

function trackLines(verb: string, { stack, slot, ageMs }: Track, map?: MapFrame): string[] {
  const [first = "<not-available>", ...others] = framesOf(stack, map);
  return [`${verb} in ${first.replace(/^at /, "")} age=${ageMs} slot=${slot}`, ...others.map((frame) => `\t${frame}`)];
}
