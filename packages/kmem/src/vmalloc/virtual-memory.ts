import { badArgument, describeValue, isUint32, signedHint } from "../memory/arguments.ts";
import { hex, KmemError } from "../memory/errors.ts";
import { PAGE_MASK, PAGE_SIZE } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import { type PageTable, UNMAPPED } from "./page-table.ts";

type Access = "read" | "write";

/** What `#place` returns for a value that lies in two pages; addresses are never negative. */
const CROSSES = -1;
/** Numbers lie in memory as WebAssembly has them. */
const LITTLE_ENDIAN = true;

/** A stretch of the buffer that a part of a virtual stretch is mapped to. */
interface Stretch {
  readonly address: number;
  readonly end: number;
}

/**
 * Reads and writes through virtual addresses. Values may lie across pages, aligned or not; numbers are little-endian
 * and wrap as in typed arrays. Every access asks the page table for all of its pages first: one that touches an
 * unmapped page throws INVALID_ADDRESS, the fault's address in `details.address`, with nothing changed. Small accesses
 * are O(1), the others O(bytes). Any thread reads and writes, through an object of its own and without a lock; what two
 * write at once is theirs to order, as in any memory that is shared.
 */
export class VirtualMemory {
  /** @internal */
  protected readonly table: PageTable;
  readonly #memory: LinearMemory;
  readonly #across: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(8));
  #view: DataView<ArrayBufferLike>;
  #viewOf: Uint8Array<ArrayBufferLike>;

  /** Of a page table; a `Vmalloc` is the way in. */
  protected constructor(table: PageTable) {
    this.table = table;
    this.#memory = table.memory;
    this.#viewOf = this.#memory.bytes;
    this.#view = new DataView(this.#memory.buffer);
  }

  /** Reads an unsigned number of 8 bits. Throws INVALID_ADDRESS. */
  readU8(address: number): number {
    const at = this.#place(address, 1, "read");
    return this.#memory.bytes[at];
  }

  /** Reads a signed number of 8 bits. Throws INVALID_ADDRESS. */
  readI8(address: number): number {
    return (this.readU8(address) << 24) >> 24;
  }

  /** Reads an unsigned number of 16 bits. Throws INVALID_ADDRESS. */
  readU16(address: number): number {
    const at = this.#place(address, 2, "read");
    if (at === CROSSES) return this.#gather(address, 2).getUint16(0, LITTLE_ENDIAN);
    return this.#current().getUint16(at, LITTLE_ENDIAN);
  }

  /** Reads a signed number of 16 bits. Throws INVALID_ADDRESS. */
  readI16(address: number): number {
    return (this.readU16(address) << 16) >> 16;
  }

  /** Reads an unsigned number of 32 bits. Throws INVALID_ADDRESS. */
  readU32(address: number): number {
    return this.readI32(address) >>> 0;
  }

  /** Reads a signed number of 32 bits. Throws INVALID_ADDRESS. */
  readI32(address: number): number {
    const at = this.#place(address, 4, "read");
    if (at === CROSSES) return this.#gather(address, 4).getInt32(0, LITTLE_ENDIAN);
    return this.#current().getInt32(at, LITTLE_ENDIAN);
  }

  /** Reads a floating-point number of 32 bits. Throws INVALID_ADDRESS. */
  readF32(address: number): number {
    const at = this.#place(address, 4, "read");
    if (at === CROSSES) return this.#gather(address, 4).getFloat32(0, LITTLE_ENDIAN);
    return this.#current().getFloat32(at, LITTLE_ENDIAN);
  }

  /** Reads a floating-point number of 64 bits. Throws INVALID_ADDRESS. */
  readF64(address: number): number {
    const at = this.#place(address, 8, "read");
    if (at === CROSSES) return this.#gather(address, 8).getFloat64(0, LITTLE_ENDIAN);
    return this.#current().getFloat64(at, LITTLE_ENDIAN);
  }

  /** Reads an unsigned number of 64 bits. Throws INVALID_ADDRESS. */
  readU64(address: number): bigint {
    const at = this.#place(address, 8, "read");
    if (at === CROSSES) return this.#gather(address, 8).getBigUint64(0, LITTLE_ENDIAN);
    return this.#current().getBigUint64(at, LITTLE_ENDIAN);
  }

  /** Reads a signed number of 64 bits. Throws INVALID_ADDRESS. */
  readI64(address: number): bigint {
    return BigInt.asIntN(64, this.readU64(address));
  }

  /** Writes the low 8 bits of a number. Throws INVALID_ADDRESS, and BAD_ARGUMENT for no number. */
  writeU8(address: number, value: number): void {
    requireNumber(value);
    const at = this.#place(address, 1, "write");
    this.#memory.bytes[at] = value;
  }

  /** Writes the low 16 bits of a number. Throws INVALID_ADDRESS, and BAD_ARGUMENT for no number. */
  writeU16(address: number, value: number): void {
    requireNumber(value);
    const at = this.#place(address, 2, "write");
    if (at === CROSSES) {
      this.#across.setUint16(0, value, LITTLE_ENDIAN);
      this.#scatter(address, 2);
    } else this.#current().setUint16(at, value, LITTLE_ENDIAN);
  }

  /** Writes the low 32 bits of a number. Throws INVALID_ADDRESS, and BAD_ARGUMENT for no number. */
  writeU32(address: number, value: number): void {
    requireNumber(value);
    const at = this.#place(address, 4, "write");
    if (at === CROSSES) {
      this.#across.setUint32(0, value, LITTLE_ENDIAN);
      this.#scatter(address, 4);
    } else this.#current().setUint32(at, value, LITTLE_ENDIAN);
  }

  /** Writes a floating-point number of 32 bits. Throws INVALID_ADDRESS, and BAD_ARGUMENT for no number. */
  writeF32(address: number, value: number): void {
    requireNumber(value);
    const at = this.#place(address, 4, "write");
    if (at === CROSSES) {
      this.#across.setFloat32(0, value, LITTLE_ENDIAN);
      this.#scatter(address, 4);
    } else this.#current().setFloat32(at, value, LITTLE_ENDIAN);
  }

  /** Writes a floating-point number of 64 bits. Throws INVALID_ADDRESS, and BAD_ARGUMENT for no number. */
  writeF64(address: number, value: number): void {
    requireNumber(value);
    const at = this.#place(address, 8, "write");
    if (at === CROSSES) {
      this.#across.setFloat64(0, value, LITTLE_ENDIAN);
      this.#scatter(address, 8);
    } else this.#current().setFloat64(at, value, LITTLE_ENDIAN);
  }

  /** Writes the low 64 bits of a BigInt. Throws INVALID_ADDRESS, and BAD_ARGUMENT for no BigInt. */
  writeU64(address: number, value: bigint): void {
    if (typeof value !== "bigint") throw badArgument("value", "a BigInt", value);
    const at = this.#place(address, 8, "write");
    if (at === CROSSES) {
      this.#across.setBigUint64(0, value, LITTLE_ENDIAN);
      this.#scatter(address, 8);
    } else this.#current().setBigUint64(at, value, LITTLE_ENDIAN);
  }

  /** As {@link writeU8}: what wraps is the same. */
  writeI8(address: number, value: number): void {
    this.writeU8(address, value);
  }

  /** As {@link writeU16}: what wraps is the same. */
  writeI16(address: number, value: number): void {
    this.writeU16(address, value);
  }

  /** As {@link writeU32}: what wraps is the same. */
  writeI32(address: number, value: number): void {
    this.writeU32(address, value);
  }

  /** As {@link writeU64}: what wraps is the same. */
  writeI64(address: number, value: bigint): void {
    this.writeU64(address, value);
  }

  /** A copy of `lengthBytes` bytes from a virtual address on. Throws INVALID_ADDRESS, or BAD_SIZE. O(bytes). */
  readBytes(address: number, lengthBytes: number): Uint8Array<ArrayBuffer> {
    const stretches = this.#stretches(address, lengthBytes, "read");
    const copy = new Uint8Array(lengthBytes);
    let done = 0;
    for (const stretch of stretches) {
      copy.set(this.#memory.bytes.subarray(stretch.address, stretch.end), done);
      done += stretch.end - stretch.address;
    }
    return copy;
  }

  /** Writes bytes that do not lie in the target's own pages. Throws INVALID_ADDRESS. O(bytes). */
  writeBytes(address: number, source: Uint8Array<ArrayBufferLike>): void {
    const sourceBytes = lengthOf(source);
    let done = 0;
    for (const stretch of this.#stretches(address, sourceBytes, "write")) {
      const lengthBytes = stretch.end - stretch.address;
      this.#memory.bytes.set(source.subarray(done, done + lengthBytes), stretch.address);
      done += lengthBytes;
    }
  }

  /**
   * Copies bytes of the buffer, from the address `source` in it, to a virtual address, whose pages they must not lie
   * in. Throws INVALID_ADDRESS for either, or BAD_SIZE. O(bytes).
   */
  copyIn(address: number, source: number, lengthBytes: number): void {
    const stretches = this.#stretches(address, lengthBytes, "write");
    this.#requireInBuffer(source, lengthBytes);
    let from = source;
    for (const stretch of stretches) {
      const next = from + stretch.end - stretch.address;
      this.#memory.bytes.copyWithin(stretch.address, from, next);
      from = next;
    }
  }

  /** Copies from a virtual address to the address `target` in the buffer; the mirror image of {@link copyIn}. */
  copyOut(address: number, target: number, lengthBytes: number): void {
    const stretches = this.#stretches(address, lengthBytes, "read");
    this.#requireInBuffer(target, lengthBytes);
    let to = target;
    for (const stretch of stretches) {
      this.#memory.bytes.copyWithin(to, stretch.address, stretch.end);
      to += stretch.end - stretch.address;
    }
  }

  /** Sets every byte of a virtual stretch to `byte`. Throws INVALID_ADDRESS, or BAD_SIZE. O(bytes). */
  fill(address: number, lengthBytes: number, byte: number): void {
    requireNumber(byte);
    for (const stretch of this.#stretches(address, lengthBytes, "write")) {
      this.#memory.bytes.fill(byte, stretch.address, stretch.end);
    }
  }

  /**
   * The bytes of a virtual stretch in order, as few plain views of the buffer as there are gaps between its frames:
   * what fs.writev, a TextDecoder in stream mode or an upload to a GPU takes without copying. The views are good for
   * as long as the area is; on memory that grows and is not shared, until the next growth. Throws INVALID_ADDRESS, or
   * BAD_SIZE. O(pages).
   */
  segments(address: number, lengthBytes: number): Uint8Array<ArrayBufferLike>[] {
    const stretches = this.#stretches(address, lengthBytes, "read");
    return stretches.map((stretch) => this.#memory.bytes.subarray(stretch.address, stretch.end));
  }

  /**
   * Address in the buffer of the page that a virtual address is mapped to, or 0 where it is not. Any number is
   * allowed. O(1). Linux's vmalloc_to_page.
   */
  vmallocToPage(address: number): number {
    return (this.table.translate(address) & ~PAGE_MASK) >>> 0;
  }

  /** The view for values, over the buffer as it is now. */
  #current(): DataView<ArrayBufferLike> {
    if (this.#viewOf !== this.#memory.bytes) {
      this.#viewOf = this.#memory.bytes;
      this.#view = new DataView(this.#memory.buffer);
    }
    return this.#view;
  }

  /** Address in the buffer of a value that lies in one page, CROSSES where it does not. */
  #place(address: number, sizeBytes: number, access: Access): number {
    const at = this.table.translate(address);
    if (at === UNMAPPED) throw fault(address, address, sizeBytes, access);
    return (at & PAGE_MASK) + sizeBytes <= PAGE_SIZE ? at : CROSSES;
  }

  #gather(address: number, sizeBytes: number): DataView<ArrayBuffer> {
    let done = 0;
    for (const stretch of this.#stretches(address, sizeBytes, "read")) {
      for (let at = stretch.address; at < stretch.end; at++) this.#across.setUint8(done++, this.#memory.bytes[at]);
    }
    return this.#across;
  }

  #scatter(address: number, sizeBytes: number): void {
    let done = 0;
    for (const stretch of this.#stretches(address, sizeBytes, "write")) {
      for (let at = stretch.address; at < stretch.end; at++) this.#memory.bytes[at] = this.#across.getUint8(done++);
    }
  }

  /** Where a virtual stretch lies in the buffer, in order, neighbours joined. Throws at the first unmapped page. */
  #stretches(address: number, lengthBytes: number, access: Access): Stretch[] {
    if (!Number.isInteger(lengthBytes) || lengthBytes < 0) {
      throw new KmemError("BAD_SIZE", `a length is a whole number of bytes, not ${describeValue(lengthBytes)}`, {
        lengthBytes,
      });
    }
    if (typeof address !== "number") throw fault(address, address, lengthBytes, access);
    const stretches: { address: number; end: number }[] = [];
    let last: { address: number; end: number } | undefined;
    for (let done = 0; done < lengthBytes; ) {
      const at = this.table.translate(address + done);
      if (at === UNMAPPED) throw fault(address + done, address, lengthBytes, access);
      const part = Math.min(PAGE_SIZE - (at & PAGE_MASK), lengthBytes - done);
      if (last?.end === at) last.end += part;
      else {
        last = { address: at, end: at + part };
        stretches.push(last);
      }
      done += part;
    }
    return stretches;
  }

  #requireInBuffer(address: number, lengthBytes: number): void {
    if (isUint32(address) && address + lengthBytes <= this.#memory.bytes.length) return;
    const text = `the buffer has no ${lengthBytes} bytes at ${hex(address)}${signedHint("address", address)}`;
    throw new KmemError("INVALID_ADDRESS", text, { address, lengthBytes });
  }
}

/** Throws BAD_ARGUMENT for what is to be written and is no number. */
function requireNumber(value: number): void {
  if (typeof value !== "number") throw badArgument("value", "a number", value);
}

/** Throws BAD_ARGUMENT for what are no bytes. */
function lengthOf(source: Uint8Array): number {
  if (ArrayBuffer.isView(source) && source instanceof Uint8Array) return source.length;
  throw badArgument("source", "a Uint8Array", source);
}

function fault(address: number, start: number, lengthBytes: number, access: Access): KmemError {
  return new KmemError(
    "INVALID_ADDRESS",
    `page fault: nothing is mapped at ${hex(address)} (${access} of ${lengthBytes} bytes at ${hex(start)})`,
    { address, start, lengthBytes, access },
  );
}
