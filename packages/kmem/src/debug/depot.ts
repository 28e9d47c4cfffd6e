import type { CoreLayers, Layers } from "../kmalloc/layers.ts";
import { isUint32 } from "../memory/arguments.ts";
import { PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { readUtf8, utf8Of } from "../memory/utf8.ts";
import { NO_FRAME, OwnerMark, RunKind } from "../pages/layout.ts";
import { DEPOT_CHUNK_PAGES, ROOT_BUCKET_COUNT, RootWord, STACK_HEADER_BYTES, StackWord } from "./layout.ts";
import type { DebugRoot } from "./root.ts";

const CHUNK_BYTES: number = DEPOT_CHUNK_PAGES * PAGE_SIZE;
const WORD_MAX = 0xffff_ffff;
const HASH_FACTOR = 0x01000193;

/** What has been allocated with one stack. */
export interface StackFigures {
  readonly stack: string;
  readonly allocCount: number;
  readonly allocBytes: number;
}

/**
 * Texts of stacks in the heap's buffer, each once, so that any thread and whoever reads a dump can print who allocated
 * a block. Stacks stay for as long as the heap does. Any thread; new ones are put in under the depot's lock.
 */
export class StackDepot {
  readonly #layers: CoreLayers;
  readonly #root: DebugRoot;
  /** Ids of the stacks that this thread has put in or met. */
  readonly #known = new Map<string, number>();

  constructor(layers: CoreLayers, root: DebugRoot) {
    this.#layers = layers;
    this.#root = root;
  }

  /** The id of a stack, which is put in if it is new; 0 where there are no pages for it. O(length of the text). */
  idOf(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const bytes = utf8Of(text);
    const { sync } = this.#layers;
    const lock = this.#root.word + RootWord.LOCK;
    sync.locks.acquire(lock);
    try {
      this.#reachAll();
      const id = this.#find(bytes) || this.#add(bytes);
      if (id !== 0) this.#known.set(text, id);
      return id;
    } finally {
      sync.locks.release(lock);
    }
  }

  /** The text of a stack; empty for 0 and for what is no id. */
  textOf(id: number): string {
    if (!isUint32(id)) return "";
    this.#reachAll();
    const { bytes, words } = this.#layers.memory;
    if (!this.#isInDepot(id)) return "";
    const length = words[(id >>> WORD_SHIFT) + StackWord.LENGTH];
    if (length < 0 || length > this.#chunkEnd(id) - id - STACK_HEADER_BYTES) return "";
    return readUtf8(bytes, id + STACK_HEADER_BYTES, id + STACK_HEADER_BYTES + length);
  }

  /** Counts an allocation with a stack that there is. Any thread, without a lock. */
  count(id: number, sizeBytes: number): void {
    const { words } = this.#layers.memory;
    const word = id >>> WORD_SHIFT;
    Atomics.add(words, word + StackWord.ALLOC_COUNT, 1);
    const before = Atomics.add(words, word + StackWord.ALLOC_BYTES, sizeBytes) >>> 0;
    if (before + sizeBytes > WORD_MAX) Atomics.add(words, word + StackWord.ALLOC_BYTES_HIGH, 1);
  }

  /** All stacks, with what has been allocated with each. */
  *all(): Generator<StackFigures> {
    this.#reachAll();
    const { words } = this.#layers.memory;
    for (const id of this.#ids()) {
      const word = id >>> WORD_SHIFT;
      const low = words[word + StackWord.ALLOC_BYTES] >>> 0;
      const high = words[word + StackWord.ALLOC_BYTES_HIGH] >>> 0;
      const allocBytes = high * (WORD_MAX + 1) + low;
      yield { stack: this.textOf(id), allocCount: words[word + StackWord.ALLOC_COUNT] >>> 0, allocBytes };
    }
  }

  *#ids(): Generator<number> {
    const first = this.#root.word + RootWord.BUCKETS;
    for (let bucket = first; bucket < first + ROOT_BUCKET_COUNT; bucket++) yield* this.#chain(bucket);
  }

  /** The ids of a chain, up to its end or to one that is no stack's: a dump may say anything, and lead in a circle. */
  *#chain(bucket: number): Generator<number> {
    const { words } = this.#layers.memory;
    const met = new Set<number>();
    let id = words[bucket] >>> 0;
    while (this.#isInDepot(id) && !met.has(id)) {
      met.add(id);
      yield id;
      id = words[(id >>> WORD_SHIFT) + StackWord.NEXT] >>> 0;
    }
  }

  /** Stacks that have been put in. */
  get stackCount(): number {
    return this.#layers.memory.words[this.#root.word + RootWord.STACK_COUNT];
  }

  #isInDepot(id: number): boolean {
    return id !== 0 && id % WORD_BYTES === 0 && this.#chunkEnd(id) >= id + STACK_HEADER_BYTES;
  }

  /** The end of the depot's pages that an address lies in; 0 for an address that lies in none. */
  #chunkEnd(address: number): number {
    const { frames } = this.#layers.pages;
    const frame = address >>> PAGE_SHIFT;
    // No further back than the pages of a chunk, whatever the kinds say.
    for (let head = frame; head > frame - DEPOT_CHUNK_PAGES; head--) {
      const kind = frames.kind(head);
      if (kind === RunKind.SYSTEM + 1) continue;
      const isChunk = kind === RunKind.SYSTEM && frames.owner(head) === OwnerMark.DEBUG_DEPOT;
      return isChunk ? Math.min(head + DEPOT_CHUNK_PAGES, frames.endFrame) * PAGE_SIZE : 0;
    }
    return 0;
  }

  /** Another thread may have grown the memory, and the depot lie in what it added. */
  #reachAll(): void {
    const { memory, pages } = this.#layers;
    memory.refresh();
    memory.waitForLength(pages.frames.endFrame * PAGE_SIZE);
  }

  #bucket(hash: number): number {
    return this.#root.word + RootWord.BUCKETS + (hash & (ROOT_BUCKET_COUNT - 1));
  }

  #find(text: Uint8Array): number {
    const { words, bytes } = this.#layers.memory;
    const hash = hashOf(text);
    for (const id of this.#chain(this.#bucket(hash))) {
      const word = id >>> WORD_SHIFT;
      if (words[word + StackWord.HASH] !== hash || words[word + StackWord.LENGTH] !== text.length) continue;
      const first = id + STACK_HEADER_BYTES;
      if (text.every((byte, index) => bytes[first + index] === byte)) return id;
    }
    return 0;
  }

  /** The text first, its place in the chain last: a thread that dies in between leaves a few bytes unused. */
  #add(text: Uint8Array): number {
    const { memory } = this.#layers;
    const bytesNeeded = Math.ceil((STACK_HEADER_BYTES + text.length) / WORD_BYTES) * WORD_BYTES;
    const id = this.#room(bytesNeeded);
    if (id === 0) return 0;
    const { words, bytes } = memory;
    const hash = hashOf(text);
    const bucket = this.#bucket(hash);
    const word = id >>> WORD_SHIFT;
    bytes.set(text, id + STACK_HEADER_BYTES);
    words[word + StackWord.HASH] = hash;
    words[word + StackWord.LENGTH] = text.length;
    words.fill(0, word + StackWord.ALLOC_COUNT, word + STACK_HEADER_BYTES / WORD_BYTES);
    words[word + StackWord.NEXT] = words[bucket];
    words[bucket] = id;
    words[this.#root.word + RootWord.STACK_COUNT]++;
    return id;
  }

  #room(bytesNeeded: number): number {
    const { memory } = this.#layers;
    const root = this.#root.word;
    if (bytesNeeded > CHUNK_BYTES) return 0;
    const chunk = memory.words[root + RootWord.CHUNK] >>> 0;
    const used = memory.words[root + RootWord.CHUNK_USED];
    if (this.#isInDepot(chunk) && used >= 0 && used + bytesNeeded <= CHUNK_BYTES) {
      memory.words[root + RootWord.CHUNK_USED] = used + bytesNeeded;
      return chunk + used;
    }
    // While there is none the two words may disagree: a thread that dies in between leaves no used bytes for free ones.
    memory.words[root + RootWord.CHUNK] = 0;
    const frame = this.#forgottenChunk() ?? this.#newChunk();
    if (frame === undefined) return 0;
    memory.words[root + RootWord.CHUNK_USED] = bytesNeeded;
    memory.words[root + RootWord.CHUNK] = frame << PAGE_SHIFT;
    return (frame << PAGE_SHIFT) >>> 0;
  }

  #newChunk(): number | undefined {
    const { pages } = this.#layers as Layers;
    const frame = pages.allocate(DEPOT_CHUNK_PAGES, RunKind.SYSTEM);
    if (frame === NO_FRAME) return undefined;
    pages.frames.setOwner(frame, OwnerMark.DEBUG_DEPOT);
    return frame;
  }

  /** Pages of the depot without a stack: those that a thread was about to bring when it died. O(pages + stacks). */
  #forgottenChunk(): number | undefined {
    const { firstPageFrame, endFrame } = this.#layers.pages.frames;
    const empty = new Set<number>();
    for (let frame = firstPageFrame; frame < endFrame; frame++) {
      const isHead = this.#layers.pages.frames.kind(frame) === RunKind.SYSTEM;
      if (isHead && this.#layers.pages.frames.owner(frame) === OwnerMark.DEBUG_DEPOT) empty.add(frame);
    }
    if (empty.size === 0) return undefined;
    for (const id of this.#ids()) empty.delete(this.#layers.pages.frames.headOfRun(id >>> PAGE_SHIFT, RunKind.SYSTEM));
    return [...empty][0];
  }
}

function hashOf(text: Uint8Array): number {
  let hash = text.length;
  for (const byte of text) hash = Math.imul(hash ^ byte, HASH_FACTOR);
  return hash;
}
