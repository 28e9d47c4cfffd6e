import { anyValue, type Checks, readOptions, requireFunction } from "../../memory/arguments.ts";
import { hex } from "../../memory/errors.ts";

/** What a program can do wrong under a check. */
export type MemcheckKind =
  | "invalid-read"
  | "invalid-write"
  | "undefined-read"
  | "double-free"
  | "invalid-free"
  | "invalid-use";

/** The block that a report is about. */
export interface MemcheckBlock {
  /** Its first byte. */
  readonly address: number;
  /** Bytes that were asked for. */
  readonly sizeBytes: number;
  /** Whether it has not been freed. */
  readonly isLive: boolean;
  /**
   * Bytes from the block's nearest byte to the one that is told of: negative where that lies before the block, from 0
   * on where it lies after it. Undefined where it lies inside.
   */
  readonly distance: number | undefined;
  /** Bytes from the block's first byte to the one that is told of. */
  readonly offset: number;
  /** Who allocated it: calls as bytes of the original module, the innermost first. */
  readonly allocated: readonly number[];
  /** Who freed it; empty while it is live. */
  readonly freed: readonly number[];
}

/** All that a report says. */
export interface MemcheckFacts {
  /** What was done. */
  readonly kind: MemcheckKind;
  /** The first byte that is wrong to use, or what a call was given. */
  readonly address: number;
  /** Bytes of the whole access; 0 for a call. */
  readonly sizeBytes: number;
  /** What the address belongs to where it is near no block. */
  readonly where: string;
  /** The block that the address lies in, or next to; undefined where there is none near. */
  readonly block: MemcheckBlock | undefined;
  /** Who did it: bytes of the original module, the innermost first. */
  readonly stack: readonly number[];
}

const CALLS: Readonly<Partial<Record<MemcheckKind, string>>> = {
  "double-free": "second free of",
  "invalid-free": "free of what is no block:",
  "invalid-use": "realloc or malloc_usable_size of what is no live block:",
};
const ACCESSES: Readonly<Partial<Record<MemcheckKind, string>>> = {
  "invalid-read": "read of",
  "invalid-write": "write of",
  "undefined-read": "read, before anything was written there, of",
};

const FACT_CHECKS: Checks<MemcheckFacts> = {
  kind: anyValue,
  address: anyValue,
  sizeBytes: anyValue,
  where: anyValue,
  block: anyValue,
  stack: anyValue,
};

/** Something that a program has done wrong, with the stacks that led there. */
export class MemcheckReport implements MemcheckFacts {
  /** What was done. */
  readonly kind: MemcheckKind;
  /** The first byte that is wrong to use, or what a call was given. */
  readonly address: number;
  /** Bytes of the whole access; 0 for a call. */
  readonly sizeBytes: number;
  /** What the address belongs to where it is near no block. */
  readonly where: string;
  /** The block that the address lies in, or next to; undefined where there is none near. */
  readonly block: MemcheckBlock | undefined;
  /** Who did it: bytes of the original module, the innermost first. */
  readonly stack: readonly number[];

  /** A report with these facts, which are taken as they are. */
  constructor(given: MemcheckFacts) {
    const facts = readOptions("facts", given, FACT_CHECKS);
    this.kind = facts.kind;
    this.address = facts.address;
    this.sizeBytes = facts.sizeBytes;
    this.where = facts.where;
    this.block = facts.block;
    this.stack = facts.stack;
  }

  /** The report in a line: what was done, and where that is, seen from the block. */
  get title(): string {
    const what = ACCESSES[this.kind];
    const done = what === undefined ? `${CALLS[this.kind]} ${hex(this.address)}` : `${what} ${bytes(this.sizeBytes)}`;
    return this.block === undefined ? `${done}, ${this.where}` : `${done}, ${placeOf(this.block)}`;
  }

  /**
   * The whole report. `frameAt` shows a byte of the original module as a frame, as that of `programFrames` does.
   */
  text(frameAt: (offset: number) => string): string {
    requireFunction("frameAt", frameAt);
    const lines = (stack: readonly number[]): string[] => stack.map((offset) => `\t${frameAt(offset)}`);
    const { block } = this;
    const allocated =
      block === undefined || block.allocated.length === 0 ? [] : ["Allocated in:", ...lines(block.allocated)];
    const freed = block === undefined || block.freed.length === 0 ? [] : ["Freed in:", ...lines(block.freed)];
    return [`BUG: ${this.title}`, ...lines(this.stack), ...allocated, ...freed].join("\n");
  }
}

function bytes(count: number): string {
  return count === 1 ? "1 byte" : `${count} bytes`;
}

function placeOf({ address, sizeBytes, isLive, distance, offset }: MemcheckBlock): string {
  const place =
    distance === undefined
      ? `${bytes(offset)} inside of`
      : distance < 0
        ? `${bytes(-distance)} before`
        : `${bytes(distance)} after`;
  return `${place} a ${isLive ? "" : "freed "}block of ${bytes(sizeBytes)} at ${hex(address)}`;
}
