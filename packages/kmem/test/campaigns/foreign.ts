import { DebugHeap } from "../../src/debug/index.ts";
import { openHeap } from "../../src/debug/open-heap.ts";
import { Heap } from "../../src/heap/heap.ts";
import { blockAt, checkHeap, dumpHeap, heapStats, repairHeap } from "../../src/index.ts";
import { Random } from "../support/random.ts";
import { SecondAllocator } from "../support/second-allocator.ts";

const MIB = 2 ** 20;
const WASM_PAGE = 65_536;
const INITIAL_PAGES = 64;
const MAXIMUM_PAGES = 320;
/** Operations after which everything is looked at once more, and a new memory begins. */
const OPERATIONS_PER_MEMORY = 200;
/** Of so many memories of each kind one is repaired, dumped and loaded at its end too. */
const MEMORIES_PER_REPAIR = 4;
const LARGE_BYTES = 700_000;
const SMALL_BYTES = 4000;
/** Of a block of the program's second allocator. */
const SECOND_BYTES = 30_000;

/** A stretch of the memory that somebody has, and the byte that all of it is filled with. */
interface Stretch {
  readonly first: number;
  readonly end: number;
  readonly byte: number;
}

function must(condition: boolean, text: string): void {
  if (!condition) throw new Error(text);
}

/** One memory that a program, with a second allocator in it, and two heaps grow in turns. */
class SharedOut {
  readonly #random: Random;
  readonly #memory: WebAssembly.Memory;
  readonly #heaps: readonly Heap[];
  readonly #blocks: Map<number, Stretch>[] = [new Map(), new Map()];
  readonly #program: Stretch[] = [];
  readonly #second: SecondAllocator;
  readonly #secondBlocks: Stretch[] = [];
  growths = 0;
  /** Growths by the program's own function, and those that a heap was told of. */
  resizes = 0;
  #told = 0;

  constructor(random: Random, shared: boolean) {
    this.#random = random;
    this.#memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared });
    // Ends that are no multiple of a page of WebAssembly among them.
    const border = 2 * MIB - 4096 * random.below(16);
    const dmaBytes = random.below(2) * random.below(8 * MIB);
    const maximumBytes = MAXIMUM_PAGES * WASM_PAGE - 4096 * random.below(16);
    const second = random.below(2) === 0 ? Heap : DebugHeap;
    this.#second = new SecondAllocator(this.#memory, MAXIMUM_PAGES, random);
    const onGrow = (byteLength: number): void => {
      must(byteLength === this.#memory.buffer.byteLength, `a heap is told of ${byteLength} bytes`);
      this.#told++;
    };
    const hooks = shared ? { onGrow } : { onGrow, grow: (pageCount: number) => this.#resize(pageCount) };
    const end = 4 * MIB - 4096 * random.below(16);
    this.#heaps = [
      Heap.create({ memory: this.#memory, end: border, maximumBytes, dmaBytes, ...hooks }),
      second.create({ memory: this.#memory, start: border, end, maximumBytes, ...hooks }),
    ];
  }

  /** As a program's own function that resizes its memory: sometimes by more than it was asked for, or not at all. */
  #resize(pageCount: number): boolean {
    const room = MAXIMUM_PAGES - this.#memory.buffer.byteLength / WASM_PAGE;
    if (pageCount > room || this.#random.below(16) === 0) return false;
    this.#memory.grow(Math.min(room, pageCount + this.#random.below(4)));
    this.resizes++;
    return true;
  }

  operate(): void {
    const random = this.#random;
    const which = random.below(2);
    const choice = random.below(11);
    if (choice < 2) this.#growProgram();
    else if (choice === 2) this.#free(which);
    else if (choice === 3) this.#allocate(which, random.below(LARGE_BYTES));
    else if (choice === 4) this.#allocatePages(which);
    else if (choice === 8 || choice === 9) this.#allocateSecond();
    else if (choice === 10) this.#freeSecond();
    else this.#allocate(which, random.below(SMALL_BYTES));
  }

  #growProgram(): void {
    const pageCount = 1 + this.#random.below(3);
    const present = this.#memory.buffer.byteLength / WASM_PAGE;
    if (present + pageCount > MAXIMUM_PAGES) return;
    const first = this.#memory.grow(pageCount) * WASM_PAGE;
    this.#program.push(this.#filled(first, pageCount * WASM_PAGE));
  }

  #allocateSecond(): void {
    const block = this.#second.allocate(this.#random.below(SECOND_BYTES));
    if (block !== undefined) this.#secondBlocks.push(this.#filled(block.first, block.end - block.first));
  }

  #freeSecond(): void {
    const [block] = this.#secondBlocks.splice(this.#random.below(Math.max(1, this.#secondBlocks.length)), 1);
    if (block === undefined) return;
    this.#mustBeFilled(block, this.#memory.buffer);
    this.#second.free(block);
  }

  #filled(first: number, byteCount: number): Stretch {
    const byte = 1 + this.#random.below(255);
    new Uint8Array(this.#memory.buffer, first, byteCount).fill(byte);
    return { first, end: first + byteCount, byte };
  }

  #allocate(which: number, sizeBytes: number): void {
    const before = this.#memory.buffer.byteLength;
    const block = (this.#heaps[which] as Heap).tryAlloc(sizeBytes);
    if (this.#memory.buffer.byteLength > before) this.growths++;
    if (block !== 0) this.#blocks[which]?.set(block, this.#filled(block, sizeBytes));
  }

  #allocatePages(which: number): void {
    const count = 1 + this.#random.below(12);
    const page = (this.#heaps[which] as Heap).pages.tryAlloc(count);
    if (page !== 0) this.#blocks[which]?.set(-page, this.#filled(page, count * 4096));
  }

  #free(which: number): void {
    const blocks = [...(this.#blocks[which] as Map<number, Stretch>)];
    const chosen = blocks[this.#random.below(Math.max(1, blocks.length))];
    if (chosen === undefined) return;
    const [key, stretch] = chosen;
    this.#mustBeFilled(stretch, this.#memory.buffer);
    this.#blocks[which]?.delete(key);
    const heap = this.#heaps[which] as Heap;
    if (key > 0) heap.free(key);
    else heap.pages.free(stretch.first, (stretch.end - stretch.first) / 4096);
  }

  #mustBeFilled({ first, end, byte }: Stretch, buffer: ArrayBufferLike): void {
    const bytes = Buffer.from(buffer as ArrayBuffer, first, end - first);
    must(bytes.equals(Buffer.alloc(end - first, byte)), `bytes from ${first} to ${end} are not all ${byte}`);
  }

  /** Nothing is shared, nothing lost, nothing written that is somebody else's: by repair, dump and load neither. */
  inspect(isRepairing: boolean): void {
    const blocks = this.#blocks.flatMap((ofHeap) => [...ofHeap.values()]);
    const all = [...this.#program, ...this.#secondBlocks, ...blocks];
    all.sort((one, other) => one.first - other.first || one.end - other.end);
    for (const [index, { first }] of all.entries()) {
      must(index === 0 || first >= (all[index - 1] as Stretch).end, `two have the byte ${first}`);
    }
    must(this.#told >= this.growths && this.#told >= this.resizes, `${this.#told} growths were told`);
    this.#mustBeWhole(all);
    for (const [which, heap] of this.#heaps.entries()) {
      this.#mustAddUp(heap, which);
      if (!isRepairing) continue;
      const { isRepaired, steps } = repairHeap(heap);
      must(isRepaired && steps.length === 0, `a repair found ${JSON.stringify(steps)}`);
      const copy = openHeap(dumpHeap(heap));
      must(checkHeap(copy).isClean, "a loaded copy is not clean");
      for (const stretch of this.#blocks[which]?.values() ?? []) this.#mustBeFilled(stretch, copy.buffer);
      copy.detach();
    }
    this.#mustBeWhole(all);
  }

  #mustBeWhole(all: readonly Stretch[]): void {
    for (const stretch of all) this.#mustBeFilled(stretch, this.#memory.buffer);
    for (const heap of this.#heaps) {
      const { findings } = checkHeap(heap);
      must(findings.length === 0, `check: ${JSON.stringify(findings.slice(0, 3))}`);
    }
  }

  #mustAddUp(heap: Heap, which: number): void {
    const { bytes, foreignBytes, startAddress, endAddress } = heapStats(heap);
    const { totalBytes, ...parts } = bytes;
    const sum = Object.values(parts).reduce((total, part) => total + part, 0);
    must(sum === totalBytes, `heap ${which} has ${totalBytes} bytes and accounts for ${sum}`);
    must(totalBytes + foreignBytes === endAddress - startAddress, `heap ${which} counts foreign pages wrongly`);
    for (const { first, end } of [...this.#program, ...this.#second.pages]) {
      const isBlock = [first, end - 1].some((address) => blockAt(heap, address) !== undefined);
      must(!isBlock, `heap ${which} knows of a block in the program's pages at ${first}`);
    }
  }
}

/** Does so many random operations, and throws at the first byte that two have. */
export function foreignCampaign(operations: number, seed: number): Record<"growths" | "resizes", number> {
  const random = new Random(seed);
  let growths = 0;
  let resizes = 0;
  for (let done = 0, memory = 0; done < operations; memory++) {
    const world = new SharedOut(random, memory % 2 === 0);
    for (let turn = 0; turn < OPERATIONS_PER_MEMORY && done < operations; turn++, done++) {
      try {
        world.operate();
      } catch (error) {
        throw new Error(`operation ${done} of seed ${seed}`, { cause: error });
      }
    }
    // Of shared memories and of others in turn.
    world.inspect(memory % (2 * MEMORIES_PER_REPAIR) < 2);
    growths += world.growths;
    resizes += world.resizes;
  }
  return { growths, resizes };
}
