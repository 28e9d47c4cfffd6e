import { describeValue } from "./describe-value.ts";

/** What went wrong, in a word that code can compare. */
export type KmemErrorCode =
  | "BAD_SIZE"
  | "BAD_ALIGNMENT"
  | "BAD_ARGUMENT"
  | "OUT_OF_MEMORY"
  | "DOUBLE_FREE"
  | "INVALID_FREE"
  | "INVALID_ADDRESS"
  | "NOT_A_HEAP"
  | "WRONG_VERSION"
  | "WRONG_BYTE_ORDER"
  | "TRUNCATED"
  | "BAD_GEOMETRY"
  | "CACHE_BUSY"
  | "CACHE_EXISTS"
  | "TOO_MANY_CACHES"
  | "NO_CONSTRUCTOR"
  | "NO_SLOT"
  | "DETACHED"
  | "MUST_NOT_BLOCK"
  | "CORRUPTION"
  | "BAD_MODULE"
  | "CANNOT_ADOPT";

/**
 * Every error that kmem throws. The message names the value, the reason and what is known of the address; `details`
 * holds the same facts as fields. A call that throws has changed nothing.
 */
export class KmemError extends Error {
  override readonly name: string = "KmemError";
  readonly code: KmemErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: KmemErrorCode, message: string, details: Record<string, unknown> = {}) {
    // Who makes an error by hand may give anything.
    super(typeof message === "string" ? message : describeValue(message));
    this.code = code;
    this.details = details;
  }
}

/** What an {@link OutOfMemoryError} tells. */
export interface OutOfMemoryFigures {
  readonly askedBytes: number;
  readonly freeBytes: number;
  readonly largestFreeRunBytes: number;
}

/** The figures as numbers, NaN for anything else: the constructor of an error takes any value. */
function figuresOf(given: OutOfMemoryFigures): OutOfMemoryFigures {
  const number = (value: unknown): number => (typeof value === "number" ? value : Number.NaN);
  try {
    const { askedBytes, freeBytes, largestFreeRunBytes, ...rest } = given;
    const figures = { askedBytes: number(askedBytes), freeBytes: number(freeBytes) };
    return { ...rest, ...figures, largestFreeRunBytes: number(largestFreeRunBytes) };
  } catch {
    return { askedBytes: Number.NaN, freeBytes: Number.NaN, largestFreeRunBytes: Number.NaN };
  }
}

/** Out of memory, with the figures that say why: it is an ordinary result and carries code `OUT_OF_MEMORY`. */
export class OutOfMemoryError extends KmemError {
  override readonly name: string = "OutOfMemoryError";
  /** What the caller asked for. */
  readonly askedBytes: number;
  /** Bytes in free pages, of all zones. */
  readonly freeBytes: number;
  /** The longest run of free pages. */
  readonly largestFreeRunBytes: number;

  constructor(given: OutOfMemoryFigures) {
    const figures = figuresOf(given);
    const { askedBytes, freeBytes, largestFreeRunBytes } = figures;
    super(
      "OUT_OF_MEMORY",
      `out of memory: asked for ${askedBytes} bytes, ${freeBytes} bytes are in free pages, ` +
        `the largest free run has ${largestFreeRunBytes} bytes`,
      { ...figures },
    );
    this.askedBytes = askedBytes;
    this.freeBytes = freeBytes;
    this.largestFreeRunBytes = largestFreeRunBytes;
  }
}

/** A value of any type as it should stand in a message: addresses in hexadecimal, texts as they are. */
export function hex(address: unknown): string {
  if (Number.isInteger(address) && (address as number) >= 0) return `0x${(address as number).toString(16)}`;
  return typeof address === "string" ? address : describeValue(address);
}
