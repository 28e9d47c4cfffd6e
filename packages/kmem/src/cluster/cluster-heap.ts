import { ASSERTIONS, assert } from "../memory/assert.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import type { IsGone } from "../sync/lock.ts";
import { type ClusterFinding, checkCluster } from "./check.ts";
import { Descriptor } from "./descriptor.ts";
import { ALLOC_MIN_BYTES, MAX_REQUEST_BYTES, MIN_BLOCK_SHIFT, MIN_BLOCK_SIZE } from "./layout.ts";
import { rebuildCluster } from "./rebuild.ts";
import type { HeapSegment } from "./segment.ts";
import { TicketLock } from "./ticket-lock.ts";

/** A free block that cannot be handed out, since somebody has overwritten a link or alloc[]. */
export interface DamagedBlock {
  readonly block: number;
  readonly isMarkedAllocated: boolean;
}

/** What `free` found. All but "freed" changed nothing. */
export type FreeVerdict = "freed" | "illegal" | "not allocated" | "not aligned";

/** log2 of the smallest block that holds `sizeBytes`, from 0 to MAX_REQUEST_BYTES. */
function blockShiftFor(sizeBytes: number): number {
  return sizeBytes <= MIN_BLOCK_SIZE ? MIN_BLOCK_SHIFT : 32 - Math.clz32(sizeBytes - 1);
}

/**
 * The heap of one cluster, of the GIET-VM page: blocks are powers of two from 64 bytes, aligned to their size, split in
 * halves on the way down. Its descriptor lies in one memory, its blocks in another. Threads take turns by the
 * descriptor's lock.
 */
export class ClusterHeap {
  readonly descriptor: Descriptor;
  readonly segment: HeapSegment;
  readonly #lock: TicketLock;
  readonly #owner: number;

  /** `owner` names the thread in the lock; not 0. `isGone` is asked with the owners of others. Writes nothing. */
  constructor(
    descriptors: LinearMemory,
    descriptorAddress: number,
    segment: HeapSegment,
    owner: number,
    isGone?: IsGone,
  ) {
    this.descriptor = new Descriptor(descriptors, descriptorAddress);
    this.segment = segment;
    const recovery = isGone && { isGone, repair: () => rebuildCluster(this.descriptor, segment) };
    this.#lock = new TicketLock(descriptors, descriptorAddress, recovery);
    this.#owner = owner;
  }

  /**
   * Formats the heap: alloc[] at its end, before it one free block of each size from half the heap down, in ascending
   * order. The segment's length is a power of two from MIN_BLOCK_SIZE, its base a multiple of that and not 0.
   * O(heap / 64).
   */
  init(): void {
    const { base, length, memory } = this.segment;
    const { descriptor } = this;
    const allocSize = Math.max(length / MIN_BLOCK_SIZE, ALLOC_MIN_BYTES);
    const allocBase = base + length - allocSize;
    memory.refresh();
    descriptor.clear();
    descriptor.setHeap(base, length, allocBase, allocSize);
    memory.bytes.fill(0, this.#offset(allocBase), this.#offset(allocBase) + allocSize);
    for (let block = base; block < allocBase; ) {
      const blockBytes = (base + length - block) / 2;
      this.#push(block, Math.log2(blockBytes));
      block += blockBytes;
    }
  }

  /**
   * A block for `sizeBytes` (a whole number from 0), 0 when there is none. A damaged free list is found before anything
   * is written. O(log heap).
   */
  alloc(sizeBytes: number): number | DamagedBlock {
    if (sizeBytes > MAX_REQUEST_BYTES) return 0;
    return this.#locked(() => this.#take(blockShiftFor(sizeBytes)));
  }

  /** Frees the block at a virtual address; any value is allowed. O(free blocks of each size that it merges with). */
  free(address: number): FreeVerdict {
    this.segment.memory.refresh();
    this.descriptor.memory.refresh();
    // Without the lock, whose queue moves on with each holder: what is refused changes no byte.
    const verdict = this.#verdictOn(address);
    return verdict === "freed" ? this.#locked(() => this.#release(address)) : verdict;
  }

  /** Bytes of the allocated block that starts at a virtual address, 0 where none does. */
  blockBytes(address: number): number {
    this.segment.memory.refresh();
    const shift = this.#allocatedShift(address);
    return shift === 0 || !this.#isAligned(address, shift) ? 0 : 2 ** shift;
  }

  /** Verifies every invariant; reads only, ends on any bytes. Other threads must be at rest. O(heap / 64). */
  check(): ClusterFinding[] {
    this.segment.memory.refresh();
    return checkCluster(this.descriptor, this.segment, this.#lock);
  }

  #locked<Result>(action: () => Result): Result {
    this.segment.memory.refresh();
    this.descriptor.memory.refresh();
    this.#lock.acquire(this.#owner);
    try {
      return action();
    } finally {
      this.#lock.release();
    }
  }

  #take(shift: number): number | DamagedBlock {
    const { descriptor } = this;
    let found = shift;
    while (descriptor.free(found) === 0) if (!descriptor.hasList(++found)) return 0;
    const block = descriptor.free(found);
    const isMarkedAllocated = this.#isBlock(block, found) && this.#allocByte(block) !== 0;
    if (isMarkedAllocated || !this.#isBlock(block, found)) return { block, isMarkedAllocated };
    descriptor.setFree(found, this.#next(block));
    while (found > shift) {
      found--;
      this.#push(block + 2 ** found, found);
    }
    if (ASSERTIONS) {
      assert(this.#lock.owner === this.#owner, "a block is taken under the cluster's lock");
      assert(this.#isBlock(block, shift), `a block of 2^${shift} bytes can stand at ${block}`);
      assert(this.#allocByte(block) === 0, `no block starts at ${block} yet`);
    }
    this.#setAllocByte(block, shift);
    return block;
  }

  /** What a free of an address would come to. Reads only. */
  #verdictOn(address: number): FreeVerdict {
    const { heapBase, allocBase } = this.descriptor;
    if (!(Number.isInteger(address) && address >= heapBase && address < allocBase)) return "illegal";
    const shift = this.#allocatedShift(address);
    if (shift === 0) return "not allocated";
    return this.#isAligned(address, shift) ? "freed" : "not aligned";
  }

  #release(address: number): FreeVerdict {
    const verdict = this.#verdictOn(address);
    if (verdict !== "freed") return verdict;
    const { heapBase } = this.descriptor;
    const shift = this.#allocatedShift(address);
    this.#setAllocByte(address, 0);
    let block = address;
    let merged = shift;
    for (;;) {
      const companion = heapBase + (((block - heapBase) ^ (1 << merged)) >>> 0);
      if (!this.#unlink(companion, merged)) break;
      block = Math.min(block, companion);
      merged++;
    }
    this.#push(block, merged);
    return "freed";
  }

  /** log2 of the block whose slot of alloc[] an address lies in; 0 where no allocated block starts in that slot. */
  #allocatedShift(address: number): number {
    const { heapBase, allocBase } = this.descriptor;
    if (!(address >= heapBase && address < allocBase)) return 0;
    return this.#allocByte(address);
  }

  #isAligned(address: number, shift: number): boolean {
    return (address - this.descriptor.heapBase) % 2 ** shift === 0;
  }

  /** Whether a block of this size can stand at the address. */
  #isBlock(block: number, shift: number): boolean {
    const { heapBase, allocBase } = this.descriptor;
    return block >= heapBase && block + 2 ** shift <= allocBase && this.#isAligned(block, shift);
  }

  #push(block: number, shift: number): void {
    if (ASSERTIONS) assert(this.#isBlock(block, shift), `a free block of 2^${shift} bytes can stand at ${block}`);
    const { words } = this.segment.memory;
    words[this.#offset(block) >>> WORD_SHIFT] = this.descriptor.free(shift);
    this.descriptor.setFree(shift, block);
  }

  /** Takes a block out of the list of its size; false where it is not there, or the list is damaged before it. */
  #unlink(wanted: number, shift: number): boolean {
    if (!this.#isBlock(wanted, shift)) return false;
    const { words } = this.segment.memory;
    let previous = 0;
    let left = this.descriptor.heapSize / 2 ** shift;
    for (let block = this.descriptor.free(shift); block !== wanted; block = this.#next(block)) {
      if (!this.#isBlock(block, shift) || left-- === 0) return false;
      previous = block;
    }
    const next = this.#next(wanted);
    if (previous === 0) this.descriptor.setFree(shift, next);
    else words[this.#offset(previous) >>> WORD_SHIFT] = next;
    return true;
  }

  #next(block: number): number {
    return this.segment.memory.words[this.#offset(block) >>> WORD_SHIFT] >>> 0;
  }

  #offset(address: number): number {
    return address - this.segment.base + this.segment.offset;
  }

  #allocIndex(address: number): number {
    const { heapBase, allocBase } = this.descriptor;
    return this.#offset(allocBase) + Math.floor((address - heapBase) / MIN_BLOCK_SIZE);
  }

  #allocByte(address: number): number {
    return this.segment.memory.bytes[this.#allocIndex(address)];
  }

  #setAllocByte(address: number, shift: number): void {
    this.segment.memory.bytes[this.#allocIndex(address)] = shift;
  }
}
