import {
  anyValue,
  badArgument,
  type Check,
  type Checks,
  readFields,
  requireFunction,
  requireInt32,
} from "../../memory/arguments.ts";
import type { KmemError } from "../../memory/errors.ts";

/** The numbers that a C library has for the two errors that malloc's family knows. */
export interface CErrorNumbers {
  /** An alignment that is none. */
  readonly EINVAL: number;
  /** No memory. */
  readonly ENOMEM: number;
}

/** Those of WASI, which wasi-libc and Emscripten have both. */
export const WASI_ERRORS: CErrorNumbers = { EINVAL: 28, ENOMEM: 48 };

/** How a C program is served. */
export interface CMallocOptions {
  /**
   * How the program's addresses and sizes arrive: as numbers, signed or not, or as the BigInts of a memory with 64-bit
   * addresses, of which the heap uses the first 4 GiB. Default "i32".
   */
  readonly address?: "i32" | "i64";
  /** Gets what `errno` becomes when a call fails. Default: nobody is told. */
  readonly setErrno?: (error: number) => void;
  /** The numbers of those errors. Default: WASI's, {@link WASI_ERRORS}. */
  readonly errors?: CErrorNumbers;
  /**
   * What becomes of a call that is wrong, such as a second free: "report" tells `report` and goes on as if it had not
   * been made; "throw" throws the error, through the program, which ends it. Default "report".
   */
  readonly misuse?: "report" | "throw";
  /** Gets the error of each call that is wrong. Default: its message goes where reports of the heap go. */
  readonly report?: (error: KmemError) => void;
  /**
   * What `realloc(p, 0)` does, which C leaves open: "block" makes it a block of no bytes, as dlmalloc does and with it
   * wasi-libc and Emscripten; "free" frees it and returns NULL, as glibc, emmalloc and mimalloc do. Default "block".
   */
  readonly reallocZero?: "block" | "free";
}

/**
 * malloc's family with the names, the arguments and the results of C: an object of imports for a WebAssembly module. An
 * address or a size is a `Word`: a number as an i32 is, signed or not, or the BigInt of an i64; 0 is NULL. A call that
 * fails returns NULL, sets errno, and leaves what there was.
 */
export interface CMalloc<Word extends number | bigint = number> {
  /** A block of `size` bytes, aligned to 16, or NULL and ENOMEM. Of 0 bytes too it is a block of its own. */
  malloc(size: Word): Word;
  /** Frees a block; NULL does nothing. What is no live block is a misuse: see `misuse` of {@link CMallocOptions}. */
  free(pointer: Word): void;
  /** A block of zeros, or NULL and ENOMEM, also where the product is too large. */
  calloc(count: Word, size: Word): Word;
  /**
   * Resizes a block, which may move; NULL allocates. NULL and ENOMEM without memory: the block stays as it is. NULL and
   * EINVAL for what is no live block, which is a misuse. What 0 bytes do, `reallocZero` says.
   */
  realloc(pointer: Word, size: Word): Word;
  /** A block at a multiple of `alignment`, a power of two; else NULL and EINVAL. The size may be any. */
  aligned_alloc(alignment: Word, size: Word): Word;
  /**
   * Stores the address of such a block at `result` and returns 0; else the number of the error, with errno and the
   * place as they were. The alignment is a power of two from the size of a pointer on.
   */
  posix_memalign(result: Word, alignment: Word, size: Word): number;
  /** As aligned_alloc, but an alignment that is no power of two is rounded up to one, as dlmalloc does. */
  memalign(alignment: Word, size: Word): Word;
  /** Bytes that a block can hold; 0 for NULL. What is no live block is a misuse. */
  malloc_usable_size(pointer: Word): Word;
  /** As realloc, for `count` times `size` bytes; NULL and ENOMEM where the product is too large. */
  reallocarray(pointer: Word, count: Word, size: Word): Word;
}

function oneOf(...texts: readonly string[]): Check {
  return (name, value) => {
    if (typeof value !== "string" || !texts.includes(value)) throw badArgument(name, texts.join(" or "), value);
  };
}

const ERROR_CHECKS: Checks<CErrorNumbers> = { EINVAL: requireInt32, ENOMEM: requireInt32 };

/** The checks of {@link CMallocOptions}. */
export const C_MALLOC_CHECKS: Checks<CMallocOptions> = {
  address: oneOf("i32", "i64"),
  setErrno: requireFunction,
  errors: anyValue,
  misuse: oneOf("report", "throw"),
  report: requireFunction,
  reallocZero: oneOf("block", "free"),
};

/** The numbers that were given, read once. Throws BAD_ARGUMENT. */
export function errorNumbers(errors: CErrorNumbers = WASI_ERRORS): CErrorNumbers {
  return readFields("errors", errors, ERROR_CHECKS);
}
