import { AddressTable, NOT_FOUND } from "./address-table.ts";
import { NameTable } from "./name-table.ts";
import type { OpCache } from "./op-stream.ts";

/** Names of functions, and of threads, that are told apart; all others share one name. */
const FRAME_LIMIT = 65_536;
const THREAD_LIMIT = 4096;
/** Stacks that are told apart; all others are the unknown one. */
const STACK_LIMIT = 2 ** 20;
const INITIAL_STACKS = 1024;
/** The longest name that is kept. */
const NAME_LENGTH_MAX = 1024;

/** A slab cache that has a name. */
export interface NamedCache extends OpCache {
  /** Empty as long as none is known. */
  name: string;
}

/** The names of an EventStream: of frames and threads, the stacks made of frames, and the caches. Id 0 is unknown. */
export class TraceTables {
  readonly frames: NameTable = new NameTable(FRAME_LIMIT);
  readonly threads: NameTable = new NameTable(THREAD_LIMIT);
  readonly stacks: StackTable = new StackTable();
  /** By cache id; whoever hands on an operation of a cache has put it here before. */
  readonly caches: NamedCache[] = [];

  /** The id of a frame. */
  frame(name: string): number {
    return internText(this.frames, name);
  }

  /** The id of a thread. */
  thread(name: string): number {
    return internText(this.threads, name);
  }

  /** The id of the stack of one frame alone. */
  site(name: string): number {
    return this.stacks.intern(0, this.frame(name));
  }

  /** The frames of a stack, the innermost first. */
  framesOf(stack: number): string[] {
    const names: string[] = [];
    for (let at = stack; at !== 0; at = this.stacks.parent(at)) names.push(this.frames.name(this.stacks.frame(at)));
    return names;
  }
}

/** The id of a name in a table; what is not Latin-1 in it is replaced, what is too long is cut. */
export function internText(table: NameTable, text: string): number {
  const bytes = new Uint8Array(Buffer.from(text.slice(0, NAME_LENGTH_MAX).replaceAll(/[^ -ÿ]/g, "?"), "latin1"));
  return table.intern(bytes, 0, bytes.length);
}

/** Call stacks as a tree: each is a frame and the stack of the caller, which has a lower id. */
export class StackTable {
  readonly #ids = new AddressTable();
  #parents = new Uint32Array(INITIAL_STACKS);
  #frames = new Uint32Array(INITIAL_STACKS);
  #count = 1;

  /** Stacks that there are, the unknown one included. */
  get count(): number {
    return this.#count;
  }

  /** The id of the stack of a frame that was called from another stack; 0 where the table is full. */
  intern(parent: number, frame: number): number {
    const known = this.#ids.find(parent, frame);
    if (known !== NOT_FOUND) return known;
    if (this.#count >= STACK_LIMIT) return 0;
    const id = this.#count;
    if (id >= this.#parents.length) this.#grow();
    this.#parents[id] = parent;
    this.#frames[id] = frame;
    this.#count += 1;
    this.#ids.set(parent, frame, id);
    return id;
  }

  /** The stack of the caller. */
  parent(stack: number): number {
    return this.#parents[stack] ?? 0;
  }

  /** The innermost frame of a stack, an id of the frame table. */
  frame(stack: number): number {
    return this.#frames[stack] ?? 0;
  }

  #grow(): void {
    const parents = new Uint32Array(this.#parents.length * 2);
    parents.set(this.#parents);
    this.#parents = parents;
    const frames = new Uint32Array(this.#frames.length * 2);
    frames.set(this.#frames);
    this.#frames = frames;
  }
}
