/** The id of the empty name, which is in every table from the start. */
export const NO_NAME = 0;

/** What stands for all names that come after a table is full. */
export const OVERFLOW_NAME = "(more names)";

const DEFAULT_NAME_LIMIT = 4096;
const INITIAL_PLACES = 1024;
/** At least so many places for each name, which keeps searches short. */
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
  #places = new Int32Array(INITIAL_PLACES).fill(EMPTY);
  readonly #nameLimit: number;
  #overflowId = EMPTY;

  constructor(nameLimit: number = DEFAULT_NAME_LIMIT) {
    this.#nameLimit = nameLimit;
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
    let place = folded(hash) & mask;
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
    if (this.#names.length * PLACES_PER_NAME > this.#places.length) this.#grow();
    return id;
  }

  #grow(): void {
    const places = new Int32Array(this.#places.length * 2).fill(EMPTY);
    const mask = places.length - 1;
    for (const [id, name] of this.#names.entries()) {
      // What stands for all further names is found by its number alone.
      if (id === this.#overflowId) continue;
      let hash = HASH_SEED;
      for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), HASH_MULTIPLIER);
      let place = folded(hash) & mask;
      while (places[place] !== EMPTY) place = (place + 1) & mask;
      places[place] = id;
    }
    this.#places = places;
  }
}

function folded(hash: number): number {
  return hash ^ (hash >>> FOLD_BITS);
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
