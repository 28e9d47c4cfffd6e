import { describeValue } from "./describe-value.ts";

/** The fields of `details` by the `code` of the error. One that only some errors of its code have is optional. */
export interface KmemErrorDetails {
  /** A size that is no whole number of bytes, or larger than any block can be. */
  BAD_SIZE: { readonly sizeBytes?: unknown; readonly lengthBytes?: unknown; readonly count?: unknown };
  /** An alignment that is no power of two, or larger than any can be. */
  BAD_ALIGNMENT: { readonly alignmentBytes?: unknown };
  /** The refused value, by the name of its argument or option. */
  BAD_ARGUMENT: Readonly<Record<string, unknown>>;
  /** There is no memory for it, after idle memory was reclaimed; see {@link OutOfMemoryError}. */
  OUT_OF_MEMORY: Partial<OutOfMemoryFigures> & { readonly sizeBytes?: number };
  /** `block` is what is known of the block that the address lies in, `report` what a debugged heap knows besides. */
  DOUBLE_FREE: { readonly address?: unknown; readonly block?: unknown; readonly report?: unknown };
  /** A free of what is not the start of a live block. The fields are those of DOUBLE_FREE. */
  INVALID_FREE: { readonly address?: unknown; readonly block?: unknown; readonly report?: unknown };
  /** A look at bytes that are not within a live block. The fields are those of DOUBLE_FREE. */
  INVALID_ADDRESS: { readonly address?: unknown; readonly block?: unknown; readonly report?: unknown };
  /** Bytes that are no heap, or no dump of one. */
  NOT_A_HEAP: { readonly found?: unknown; readonly expected?: unknown; readonly address?: number };
  /** A heap, handle or dump of another version of the layout. */
  WRONG_VERSION: { readonly found?: unknown; readonly expected?: unknown };
  /** A heap or dump of a machine whose bytes are in the other order. */
  WRONG_BYTE_ORDER: { readonly found?: unknown; readonly expected?: unknown };
  /** A heap or dump that says that it is longer than what is there. */
  TRUNCATED: { readonly bufferBytes?: number; readonly endByte?: number; readonly dumpBytes?: number };
  /** `field` is the one that is `found` in the header, where another was `expected`. */
  BAD_GEOMETRY: { readonly field?: string; readonly found?: unknown; readonly expected?: unknown };
  /** A cache that cannot be destroyed, for it has live blocks. */
  CACHE_BUSY: { readonly name?: string; readonly liveBlocks?: number };
  /** A cache of this name is there already. */
  CACHE_EXISTS: { readonly name?: string };
  /** The table of caches is full. */
  TOO_MANY_CACHES: { readonly limit?: number };
  /** A slab is needed of a cache whose constructor this thread has not named. */
  NO_CONSTRUCTOR: { readonly name?: string };
  /** `dead` are the slots of threads that are gone, which wait for `reapSlot`. */
  NO_SLOT: { readonly slotCount?: number; readonly slot?: number; readonly dead?: readonly number[] };
  /** The heap was given back, or its memory was transferred away. */
  DETACHED: { readonly slot?: number };
  /** The thread would have to sleep, which it must not; or a call of the heap is not over, and must be before this. */
  MUST_NOT_BLOCK: Readonly<Record<string, unknown>>;
  /** Metadata that cannot be; `checkHeap` says more. */
  CORRUPTION: { readonly address?: unknown; readonly report?: unknown };
  /** `at` is the byte that is malformed. */
  BAD_MODULE: { readonly at?: number };
  /** A module whose allocator cannot be replaced, and why. */
  CANNOT_ADOPT: { readonly reason?: string };
}

/** What went wrong, in a word that code can compare. */
export type KmemErrorCode = keyof KmemErrorDetails;

/**
 * Every error that kmem throws. The message names the value, the reason and what is known of the address; `details`
 * holds the same facts as fields, which {@link hasCode} gives their types. A call that throws has changed nothing.
 */
export class KmemError<Code extends KmemErrorCode = KmemErrorCode> extends Error {
  /** The name of the class, as in messages. */
  override readonly name: string = "KmemError";
  /** What went wrong, in a word that code can compare. */
  readonly code: Code;
  /** The facts of the message as fields. */
  readonly details: Readonly<KmemErrorDetails[Code]> & Readonly<Record<string, unknown>>;

  /** An error with a code, a message and its facts. Takes any value: errors that others make by hand are theirs. */
  constructor(code: Code, message: string, details: KmemError<Code>["details"] = {} as KmemError<Code>["details"]) {
    // Who makes an error by hand may give anything.
    super(typeof message === "string" ? message : describeValue(message));
    this.code = code;
    this.details = details;
  }
}

/**
 * Whether a caught value is an error of kmem with this code; its `details` then have the fields of that code:
 * `if (hasCode(error, "NO_SLOT")) console.log(error.details.slotCount)`.
 */
export function hasCode<Code extends KmemErrorCode>(error: unknown, code: Code): error is KmemError<Code> {
  try {
    return error instanceof KmemError && error.code === code;
  } catch {
    // A proxy that throws is no error of kmem.
    return false;
  }
}

/** What an {@link OutOfMemoryError} tells. */
export interface OutOfMemoryFigures {
  /** What the caller asked for. */
  readonly askedBytes: number;
  /** Bytes in free pages, of all zones. */
  readonly freeBytes: number;
  /** Bytes of the longest run of free pages. */
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
export class OutOfMemoryError extends KmemError<"OUT_OF_MEMORY"> {
  /** The name of the class, as in messages. */
  override readonly name: string = "OutOfMemoryError";
  /** What the caller asked for. */
  readonly askedBytes: number;
  /** Bytes in free pages, of all zones. */
  readonly freeBytes: number;
  /** The longest run of free pages. */
  readonly largestFreeRunBytes: number;

  /** An error with these figures; what is no number of them is NaN. */
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
