import { badArgument } from "../../memory/arguments.ts";
import { KmemError } from "../../memory/errors.ts";
import { ADDRESS_SPACE_BYTES } from "../../memory/layout.ts";
import { C_SIZE_MAX, type CCalls } from "./calls.ts";
import type { CFailures } from "./failures.ts";
import type { CMalloc } from "./options.ts";

const ADDRESS_BITS = 64;
/** The largest alignments that a program can ask for, and that addresses of the heap can have. */
const MOST_ALIGNMENT = 0x8000_0000_0000_0000n;
const MOST_HEAP_ALIGNMENT = 0x8000_0000n;
const POINTER_BYTES = 8n;

function bitsOf(name: string, value: bigint): bigint {
  if (typeof value !== "bigint") throw badArgument(name, "a BigInt, as WebAssembly gives it", value);
  return BigInt.asUintN(ADDRESS_BITS, value);
}

/** The 64 bits that WebAssembly gives, as a number: exact below 2^53, and still too large above. */
function unsigned(name: string, value: bigint): number {
  return Number(bitsOf(name, value));
}

function isPowerOfTwo(value: bigint): boolean {
  return value > 0n && (value & (value - 1n)) === 0n;
}

/** An address that no block of a heap can have. */
function outside(address: number): KmemError {
  const text = `the address 0x${address.toString(16)} lies above the 4 GiB that a heap can have`;
  return new KmemError("INVALID_FREE", text, { address });
}

/** The calls of a program whose memory has 64-bit addresses, over those with numbers. */
export function cCalls64(calls: CCalls, failures: CFailures): CMalloc<bigint> {
  const isSize = (bytes: number): boolean => bytes <= C_SIZE_MAX;
  const refuse = (address: number): number => failures.caught(outside(address));
  const isAddress = (address: number): boolean => address < ADDRESS_SPACE_BYTES;
  const sized = (bytes: number, call: () => number): bigint => BigInt(isSize(bytes) ? call() : failures.outOfMemory());
  const aligned = (wanted: bigint, bytes: number, call: (alignmentBytes: number, bytes: number) => number): bigint =>
    BigInt(isSize(bytes) && wanted <= MOST_HEAP_ALIGNMENT ? call(Number(wanted), bytes) : failures.outOfMemory());
  const resized = (pointer: bigint, bytes: number): bigint => {
    const address = unsigned("address", pointer);
    if (!isAddress(address)) return BigInt(refuse(address));
    return sized(bytes, () => calls.realloc(address, bytes));
  };
  return {
    malloc: (size) => {
      const bytes = unsigned("size", size);
      return BigInt(isSize(bytes) ? calls.malloc(bytes) : failures.outOfMemory());
    },
    free: (pointer) => {
      const address = unsigned("address", pointer);
      if (isAddress(address)) calls.free(address);
      else refuse(address);
    },
    calloc: (count, size) => {
      const totalBytes = unsigned("count", count) * unsigned("size", size);
      return sized(totalBytes, () => calls.calloc(1, totalBytes));
    },
    realloc: (pointer, size) => resized(pointer, unsigned("size", size)),
    reallocarray: (pointer, count, size) => resized(pointer, unsigned("count", count) * unsigned("size", size)),
    aligned_alloc: (alignment, size) => {
      const wanted = bitsOf("alignment", alignment);
      const bytes = unsigned("size", size);
      return isPowerOfTwo(wanted) ? aligned(wanted, bytes, calls.aligned_alloc) : BigInt(failures.invalid());
    },
    memalign: (alignment, size) => {
      const wanted = bitsOf("alignment", alignment);
      const bytes = unsigned("size", size);
      return wanted <= MOST_ALIGNMENT ? aligned(wanted, bytes, calls.memalign) : BigInt(failures.invalid());
    },
    posix_memalign: (result, alignment, size) => {
      const address = unsigned("address", result);
      const wanted = bitsOf("alignment", alignment);
      const bytes = unsigned("size", size);
      if (!isAddress(address)) {
        failures.told(outside(address));
        return failures.errors.EINVAL;
      }
      // A size that is too large must not hide an alignment that is wrong.
      if (wanted < POINTER_BYTES || !isPowerOfTwo(wanted)) return failures.errors.EINVAL;
      return isSize(bytes) && wanted <= MOST_HEAP_ALIGNMENT
        ? calls.posix_memalign(address, Number(wanted), bytes)
        : failures.errors.ENOMEM;
    },
    malloc_usable_size: (pointer) => {
      const address = unsigned("address", pointer);
      return BigInt(isAddress(address) ? calls.malloc_usable_size(address) : refuse(address));
    },
  };
}
