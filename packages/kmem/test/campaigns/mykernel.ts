import { Heap, type MemorySource } from "../../src/index.ts";
import { type MyKernel, mykernel } from "../../src/kernels/mykernel/mykernel.ts";
import { stamp, stampFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";

/** One operation as data, so that a list of them can be shrunk: what to do, and three numbers that say with what. */
export interface MyKernelOperation {
  readonly name: MyKernelOperationName;
  readonly pick: number;
  readonly size: number;
  readonly flags: number;
}

/** How often each operation is drawn, in parts of the sum. */
const WEIGHTS = {
  kmalloc: 380,
  kcalloc: 60,
  kfree: 420,
  krealloc: 80,
  krealloc_array: 20,
  kmalloc_dma: 10,
  kfree_dma: 12,
  badCall: 20,
  rebind: 1,
} as const;
export type MyKernelOperationName = keyof typeof WEIGHTS;
export const MYKERNEL_OPERATIONS: readonly MyKernelOperationName[] = Object.keys(WEIGHTS) as MyKernelOperationName[];
const WEIGHTED: readonly MyKernelOperationName[] = MYKERNEL_OPERATIONS.flatMap((name) =>
  new Array<MyKernelOperationName>(WEIGHTS[name]).fill(name),
);

const PAGE = 4096;
const UNIT = 8;
const MAX_LIVE_BLOCKS = 4000;

interface Held {
  readonly address: number;
  readonly usableBytes: number;
  readonly flags: number;
  readonly seed: number;
}

function must(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}

/** The smallest power of two that holds a size, from 8. */
function blockBytesFor(size: number): number {
  let bytes = UNIT;
  while (bytes < size) bytes *= 2;
  return bytes;
}

/** Pages of the bucket that a block of a page or more has for itself. */
function largeBucketPages(blockBytes: number): number {
  return 1 + blockBytes / PAGE;
}

/** A plain model of the My Kernel page beside the real one: what is held, where, and with which bytes. */
export class MyKernelModel {
  #kernel: MyKernel;
  readonly #source: MemorySource;
  readonly #messages: string[] = [];
  readonly #blocks: Held[] = [];
  readonly #buffers: Held[] = [];
  /** For every 8 bytes of the memory, whether a block or buffer holds them. */
  readonly #taken: Uint8Array;
  readonly #freePagesAtFirst: number;
  #seed = 0;

  constructor(source: MemorySource) {
    this.#source = source;
    this.#kernel = this.#bind();
    this.#taken = new Uint8Array(this.#bytes.length / UNIT);
    this.#freePagesAtFirst = this.#freePages();
  }

  get kernel(): MyKernel {
    return this.#kernel;
  }

  step({ name, pick, size, flags }: MyKernelOperation): void {
    const { kmalloc, krealloc, krealloc_array } = this.#kernel;
    const third = Math.ceil(size / 3);
    const actions: Record<MyKernelOperationName, () => void> = {
      kmalloc: () => this.#hold(kmalloc(size, flags), size, flags),
      kcalloc: () => this.#kcalloc(size, 1 + (pick % 9), flags),
      kfree: () => this.#kfree(pick),
      krealloc: () => this.#krealloc(pick, size, flags, (ptr) => krealloc(ptr, size, flags)),
      krealloc_array: () => this.#krealloc(pick, third * 3, flags, (ptr) => krealloc_array(ptr, third, 3, flags)),
      kmalloc_dma: () => this.#kmallocDma(size),
      kfree_dma: () => this.#kfreeDma(pick),
      badCall: () => this.#badCall(pick, size),
      rebind: () => {
        this.#kernel = this.#bind();
      },
    };
    const isFull = this.#blocks.length >= MAX_LIVE_BLOCKS && (name === "kmalloc" || name === "kcalloc");
    actions[isFull ? "kfree" : name]();
  }

  /** Everything intact, nothing broken, and every page accounted for. O(memory). */
  verify(): void {
    const { findings } = this.#kernel.check();
    must(findings.length === 0, `check: ${JSON.stringify(findings[0])}`);
    for (const held of [...this.#blocks, ...this.#buffers]) this.#mustBeIntact(held, held.usableBytes);
    const expected = this.#blocks.map(({ address, usableBytes, flags }) => ({ address, usableBytes, flags }));
    expected.sort((one, other) => one.address - other.address);
    must(JSON.stringify([...this.#kernel.blocks()]) === JSON.stringify(expected), "blocks() lists other blocks");
    const used = this.#freePagesAtFirst - this.#freePages();
    must(used === this.#expectedPages(), `${used} pages are used, the model says ${this.#expectedPages()}`);
  }

  /** Frees everything and expects the memory of the first moment. */
  finish(): void {
    while (this.#blocks.length > 0) this.#kfree(0);
    while (this.#buffers.length > 0) this.#kfreeDma(0);
    this.verify();
    must(this.#freePages() === this.#freePagesAtFirst, "pages were lost");
    must(
      this.#taken.every((unit) => unit === 0),
      "the model itself lost bytes",
    );
  }

  #bind(): MyKernel {
    return mykernel(this.#source, { print: (message) => this.#messages.push(message) });
  }

  get #bytes(): Uint8Array {
    return new Uint8Array(this.#kernel.heap.buffer);
  }

  #freePages(): number {
    return this.#kernel.heap.pages.stats().reduce((sum, zone) => sum + zone.freePages, 0);
  }

  #expectedPages(): number {
    const small = this.#blocks.filter(({ usableBytes }) => usableBytes < PAGE);
    const large = this.#blocks.filter(({ usableBytes }) => usableBytes >= PAGE);
    const smallPages = new Set(small.map(({ address }) => Math.floor(address / PAGE))).size;
    const largePages = large.reduce((sum, { usableBytes }) => sum + largeBucketPages(usableBytes), 0);
    return smallPages + largePages + this.#buffers.reduce((sum, { usableBytes }) => sum + usableBytes / PAGE, 0);
  }

  #hold(address: number, size: number, flags: number): void {
    if (address === 0) {
      this.#mustLack(size === 0 ? 0 : blockBytesFor(size));
      return;
    }
    const usableBytes = blockBytesFor(size);
    must(this.#kernel.ksize(address) === usableBytes, `a request of ${size} got a block of another size`);
    must(address % Math.min(usableBytes, PAGE) === 0, `a block of ${usableBytes} lies at ${address}`);
    this.#blocks.push(this.#claim(address, usableBytes, flags));
  }

  /** NULL is right only when the pages are not there: then nobody else gets them either. */
  #mustLack(blockBytes: number): void {
    if (blockBytes === 0) return;
    const pageCount = blockBytes >= PAGE ? largeBucketPages(blockBytes) : 1;
    must(
      this.#kernel.heap.pages.tryAlloc(pageCount) === 0,
      `NULL for ${blockBytes} bytes, and ${pageCount} pages are free`,
    );
  }

  #claim(address: number, usableBytes: number, flags: number): Held {
    const [first, end] = [address / UNIT, (address + usableBytes) / UNIT];
    must(end <= this.#taken.length, `the block at ${address} leaves the memory`);
    must(!this.#taken.subarray(first, end).includes(1), `the block at ${address} lies over another`);
    this.#taken.fill(1, first, end);
    const held = { address, usableBytes, flags, seed: this.#seed++ };
    stamp(this.#bytes, address, usableBytes, held.seed);
    return held;
  }

  #drop(list: Held[], pick: number): Held | undefined {
    const index = pick % Math.max(1, list.length);
    const held = list[index];
    if (held === undefined) return undefined;
    list[index] = list.at(-1) as Held;
    list.pop();
    this.#mustBeIntact(held, held.usableBytes);
    this.#taken.fill(0, held.address / UNIT, (held.address + held.usableBytes) / UNIT);
    return held;
  }

  #mustBeIntact({ address, usableBytes, seed }: Held, keptBytes: number, at = address): void {
    const fault = stampFault(this.#bytes, at, usableBytes, seed, keptBytes);
    must(fault === -1, `byte ${fault} of the block at ${at} has changed`);
  }

  #kcalloc(size: number, nmemb: number, flags: number): void {
    const address = this.#kernel.kcalloc(nmemb, size, flags);
    if (address !== 0) {
      const cleared = this.#bytes.subarray(address, address + nmemb * size);
      must(!cleared.some((byte) => byte !== 0), `kcalloc(${nmemb}, ${size}) is not clear`);
    }
    this.#hold(address, nmemb * size, flags);
  }

  #kfree(pick: number): void {
    const held = this.#drop(this.#blocks, pick);
    if (held !== undefined) this.#quietly(() => this.#kernel.kfree(held.address));
  }

  #krealloc(pick: number, size: number, flags: number, call: (ptr: number) => number): void {
    const old = this.#blocks[pick % Math.max(1, this.#blocks.length)];
    const address = call(old?.address ?? 0);
    if (old === undefined) this.#hold(address, size, flags);
    else if (address === 0 && size > 0) {
      this.#mustBeIntact(old, old.usableBytes);
      this.#mustLack(blockBytesFor(size));
    } else if (address === old.address) {
      must(flags === old.flags && size <= old.usableBytes, "krealloc kept a block that does not do");
      this.#mustBeIntact(old, old.usableBytes);
    } else {
      if (address !== 0) this.#mustBeIntact(old, Math.min(size, old.usableBytes), address);
      this.#blocks.splice(this.#blocks.indexOf(old), 1);
      this.#taken.fill(0, old.address / UNIT, (old.address + old.usableBytes) / UNIT);
      this.#hold(address, size, flags);
    }
  }

  #kmallocDma(size: number): void {
    const address = this.#kernel.kmalloc_dma(size);
    const pageCount = Math.ceil(size / PAGE);
    if (address === 0) {
      if (size > 0)
        must(this.#kernel.heap.pages.tryAlloc(pageCount) === 0, `no DMA buffer, and ${pageCount} pages are free`);
      return;
    }
    must(address % PAGE === 0, `a DMA buffer lies at ${address}`);
    this.#buffers.push(this.#claim(address, pageCount * PAGE, 0));
  }

  #kfreeDma(pick: number): void {
    const held = this.#drop(this.#buffers, pick);
    if (held !== undefined) this.#quietly(() => this.#kernel.kfree_dma(held.address));
  }

  /** A call that must be refused: one message, no changed byte in what is held. */
  #badCall(pick: number, size: number): void {
    const { kfree, kfree_dma, krealloc, kmalloc } = this.#kernel;
    const block = this.#blocks[pick % Math.max(1, this.#blocks.length)];
    const buffer = this.#buffers[pick % Math.max(1, this.#buffers.length)];
    const calls: (() => unknown)[] = [
      () => kmalloc(-1 - size, 0),
      () => kmalloc(size, 1),
      () => kfree(0.5 + size),
      () => kfree(PAGE + (size % PAGE)),
      () => kfree_dma(PAGE * (1 + (size % 7))),
    ];
    if (block !== undefined) {
      const inside = block.address + 1 + (size % (block.usableBytes - 1));
      calls.push(
        () => kfree(inside),
        () => krealloc(inside, 8, 0),
        () => kfree_dma(block.address),
      );
    }
    if (buffer !== undefined) {
      calls.push(
        () => kfree(buffer.address),
        () => kfree_dma(buffer.address + 1 + (size % (buffer.usableBytes - 1))),
      );
    }
    const before = this.#messages.length;
    (calls[pick % calls.length] as () => unknown)();
    must(this.#messages.length === before + 1, "a wrong call printed no message, or several");
  }

  #quietly(call: () => void): void {
    const before = this.#messages.length;
    call();
    must(this.#messages.length === before, `a right call printed: ${this.#messages.at(-1)}`);
  }
}

/** What a campaign is to do; every field has a default. */
export interface CampaignOptions {
  readonly operations: number;
  readonly seed?: number;
  readonly sizeBytes?: number;
  /** Operations between two checks of everything. */
  readonly checkInterval?: number;
}

/** Runs random operations against the model; throws at the first difference. */
export function runMyKernelCampaign(options: CampaignOptions): void {
  const { operations, seed = 1, sizeBytes = 4 * 1024 * 1024, checkInterval = 5000 } = options;
  const random = new Random(seed);
  const model = new MyKernelModel(Heap.create({ sizeBytes }).source);
  for (let step = 1; step <= operations; step++) {
    model.step({
      name: random.pick(WEIGHTED),
      pick: random.below(1_000_000),
      size: random.size(random.below(50) === 0 ? 100_000 : 2000),
      flags: random.below(2) * 8,
    });
    if (step % checkInterval === 0) model.verify();
  }
  model.finish();
}
