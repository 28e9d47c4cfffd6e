import { requireWhole } from "../../memory/arguments.ts";
import { OUTSIDE_SITE, RING_MASK, SITE_BYTES } from "../instrument/layout.ts";

const WORD_SHIFT = 2;
const FIRST_TABLE = 4096;
const FIRST_SITES = 65_536;
const HASH_FACTOR = 0x0100_0193;
const HASH_START = 0x811c_9dc5 | 0;
const STACK_DEPTH_MOST = 1024;

/** Throws BAD_ARGUMENT for what is no number of calls that stacks may have. */
export function requireStackDepth(name: string, value: unknown): void {
  requireWhole(name, value, 1, STACK_DEPTH_MOST);
}

/**
 * The stacks that a program has called from, each once: a stack is a list of sites, the innermost first. A stack is
 * found by its hash and its sites, so that a call costs no more than reading them.
 */
export class CallStacks {
  readonly #depth: number;
  /** Where the sites of each stack begin; one more at the end. The stack 0 is empty. */
  #starts: Uint32Array = new Uint32Array(FIRST_TABLE);
  #count = 1;
  #sites: Uint32Array = new Uint32Array(FIRST_SITES);
  /** Ids by hash; a table that is at most half full. */
  #table: Uint32Array = new Uint32Array(2 * FIRST_TABLE);

  /** Of each stack the innermost `depth` sites are kept. */
  constructor(depth: number) {
    this.#depth = depth;
  }

  get count(): number {
    return this.#count;
  }

  /** The sites of a stack. */
  sitesOf(id: number): number[] {
    if (id <= 0 || id >= this.#count) return [];
    return Array.from(this.#sites.subarray(this.#starts[id]!, this.#starts[id + 1]!));
  }

  /**
   * The id of the stack below a place in the ring, with a site on top of it where one is given. `words` is the memory,
   * `ring` the word where the ring begins. O(depth).
   */
  idOf(words: Uint32Array, ring: number, frame: number, site?: number): number {
    const start = this.#starts[this.#count]!;
    const sites = this.#roomAt(start);
    let end = start;
    let hash = HASH_START;
    if (site !== undefined) {
      sites[end++] = site;
      hash = Math.imul(hash ^ site, HASH_FACTOR);
    }
    const most = start + this.#depth;
    for (let at = (frame - SITE_BYTES) & RING_MASK; end < most; at = (at - SITE_BYTES) & RING_MASK) {
      const next = words[ring + (at >> WORD_SHIFT)]!;
      if (next === OUTSIDE_SITE) break;
      sites[end++] = next;
      hash = Math.imul(hash ^ next, HASH_FACTOR);
    }
    return end === start ? 0 : this.#find(hash ^ (hash >>> 15), start, end);
  }

  #find(hash: number, start: number, end: number): number {
    const mask = this.#table.length - 1;
    let place = hash & mask;
    for (let id = this.#table[place]!; id !== 0; place = (place + 1) & mask, id = this.#table[place]!) {
      if (this.#isSame(id, start, end)) return id;
    }
    const id = this.#count++;
    this.#table[place] = id;
    this.#reserve();
    this.#starts[id + 1] = end;
    return id;
  }

  #isSame(id: number, start: number, end: number): boolean {
    const first = this.#starts[id]!;
    if (this.#starts[id + 1]! - first !== end - start) return false;
    const sites = this.#sites;
    for (let at = start; at < end; at++) if (sites[at] !== sites[first + at - start]) return false;
    return true;
  }

  /** The sites, with room for one more stack after the last one. */
  #roomAt(start: number): Uint32Array {
    if (start + this.#depth + 1 > this.#sites.length) {
      const larger = new Uint32Array(2 * this.#sites.length);
      larger.set(this.#sites);
      this.#sites = larger;
    }
    return this.#sites;
  }

  #reserve(): void {
    if (this.#count + 1 >= this.#starts.length) {
      const larger = new Uint32Array(2 * this.#starts.length);
      larger.set(this.#starts);
      this.#starts = larger;
    }
    if (2 * this.#count < this.#table.length) return;
    const table = new Uint32Array(2 * this.#table.length);
    for (const id of this.#table) {
      if (id === 0) continue;
      let place = this.#hashOf(id) & (table.length - 1);
      while (table[place] !== 0) place = (place + 1) & (table.length - 1);
      table[place] = id;
    }
    this.#table = table;
  }

  #hashOf(id: number): number {
    let hash = HASH_START;
    const end = this.#starts[id + 1]!;
    for (let at = this.#starts[id]!; at < end; at++) hash = Math.imul(hash ^ this.#sites[at]!, HASH_FACTOR);
    return hash ^ (hash >>> 15);
  }
}
