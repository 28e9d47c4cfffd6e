import { AddressTable, NOT_FOUND } from "../trace/address-table.ts";
import type { ByteWriter } from "./stored-byte-writer.ts";

const ALIGN_SHIFT = 8;

/**
 * The classes of a section: all that events of it have in common but the block, the time and the thread. Each is
 * written once, and an event names its class.
 */
export class ClassTable {
  readonly #column: ByteWriter;
  #sizes = new PairTable();
  #operations = new PairTable();
  #sites = new PairTable();
  #classes = new PairTable();

  /** `column` takes the classes as they come. */
  constructor(column: ByteWriter) {
    this.#column = column;
  }

  get count(): number {
    return this.#classes.count;
  }

  clear(): void {
    this.#sizes = new PairTable();
    this.#operations = new PairTable();
    this.#sites = new PairTable();
    this.#classes = new PairTable();
  }

  intern(code: number, log2Align: number, size: number, aux: number, allocated: number, stack: number): number {
    const sizes = this.#sizes.intern(size, allocated);
    const operation = this.#operations.intern(code | (log2Align << ALIGN_SHIFT), aux);
    const before = this.#classes.count;
    const id = this.#classes.intern(this.#sites.intern(sizes, stack), operation);
    if (this.#classes.count > before) {
      const column = this.#column;
      column.byte(code);
      column.byte(log2Align);
      column.varint(size);
      column.varint(aux);
      column.varint(allocated);
      column.varint(stack);
    }
    return id;
  }
}

/** Gives each pair of 32-bit numbers a small number, from 0 on. */
export class PairTable {
  readonly #ids = new AddressTable();

  get count(): number {
    return this.#ids.size;
  }

  intern(first: number, second: number): number {
    const known = this.#ids.find(first, second);
    if (known !== NOT_FOUND) return known;
    const id = this.#ids.size;
    this.#ids.set(first, second, id);
    return id;
  }
}
