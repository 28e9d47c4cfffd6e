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
  | "CORRUPTION";

/**
 * Every error that kmem throws. The message names the value, the reason and what is known of the address; `details`
 * holds the same facts as fields. A call that throws has changed nothing.
 */
export class KmemError extends Error {
  override readonly name: string = "KmemError";
  readonly code: KmemErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: KmemErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.details = details;
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

  constructor(figures: { askedBytes: number; freeBytes: number; largestFreeRunBytes: number }) {
    const { askedBytes, freeBytes, largestFreeRunBytes } = figures;
    super(
      "OUT_OF_MEMORY",
      `out of memory: asked for ${askedBytes} bytes, ${freeBytes} bytes are in free pages, ` +
        `the largest free run has ${largestFreeRunBytes} bytes`,
      figures,
    );
    this.askedBytes = askedBytes;
    this.freeBytes = freeBytes;
    this.largestFreeRunBytes = largestFreeRunBytes;
  }
}

/** A value as it should stand in a message: addresses in hexadecimal, everything else as JavaScript prints it. */
export function hex(address: number): string {
  return Number.isInteger(address) && address >= 0 ? `0x${address.toString(16)}` : String(address);
}
