/** The id of the empty name, which is in every table from the start. */
export const NO_NAME = 0;

/** What stands for all names that come after a table is full. */
export const OVERFLOW_NAME = "(more names)";

const DEFAULT_NAME_LIMIT = 4096;
const PLACES_PER_NAME = 4;
const EMPTY = -1;
const HASH_MULTIPLIER = 0x01000193;
const HASH_SEED = 0x811c9dc5;
const FOLD_BITS = 16;

/**
 * Gives each distinct name a small number, straight from the bytes of a line, so that a name is decoded once and
 * not once a line. The number of names is bounded: a damaged trace cannot fill the memory with them.
 */
export class NameTable {
  readonly #names: string[] = [];
  readonly #places: Int32Array;
  readonly #nameLimit: number;
  #overflowId = EMPTY;

  constructor(nameLimit: number = DEFAULT_NAME_LIMIT) {
    this.#nameLimit = nameLimit;
    const capacity = 2 ** Math.ceil(Math.log2(nameLimit * PLACES_PER_NAME));
    this.#places = new Int32Array(capacity).fill(EMPTY);
    this.intern(new Uint8Array(0), 0, 0);
  }

  /** Names that there are, the empty one included; ids are below this. */
  get count(): number {
    return this.#names.length;
  }

  /** The name with an id that `intern` gave, fit for a terminal: what is not printable ASCII is a dot. */
  name(id: number): string {
    return (this.#names[id] ?? "").replace(/[^ -~]/g, ".");
  }

  /** The id of the name that stands in bytes start … end - 1. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    let hash = HASH_SEED;
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, HASH_MULTIPLIER);
    let place = (hash ^ (hash >>> FOLD_BITS)) & mask;
    for (;;) {
      const id = places[place]!;
      if (id === EMPTY) return this.#add(place, bytes, start, end);
      if (equals(this.#names[id]!, bytes, start, end)) return id;
      place = (place + 1) & mask;
    }
  }

  #add(place: number, bytes: Uint8Array, start: number, end: number): number {
    if (this.#names.length >= this.#nameLimit) {
      if (this.#overflowId === EMPTY) this.#overflowId = this.#names.push(OVERFLOW_NAME) - 1;
      return this.#overflowId;
    }
    const id = this.#names.push(latin1(bytes, start, end)) - 1;
    this.#places[place] = id;
    return id;
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at += 1) text += String.fromCharCode(bytes[at]!);
  return text;
}

function equals(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i += 1) {
    if (name.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}
