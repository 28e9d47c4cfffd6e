import { blocksOf, Heap, heapStats, type MemorySource } from "../../../src/index.ts";
import { GFP_DMA, GFP_KERNEL, type Linux, linux } from "../../../src/kernels/linux/linux.ts";
import type { LinuxOperation, LinuxOperationName } from "../../campaigns/linux.ts";
import { stamp, stampFault } from "../../support/pattern.ts";

const PAGE = 4096;
const GRANULE = 16;
const MAX_HELD = 3000;
const MAX_CACHES = 12;
/** What the constructor writes at the start of every object, and the user keeps. */
const CONSTRUCTED = 0xc0ffee;

/** A cache line: what kmalloc aligns to. */
const ALIGNMENT_BYTES = 32;

/** The largest object of a cache. */
const OBJECT_BYTES_MAX = 131_072;

/** How the model opens its heap, what a block is at least aligned to, and how large an object may be. */
export interface ModelOptions {
  readonly objectBytesMax?: number;
  readonly attach?: (source: MemorySource) => Heap;
  readonly alignmentBytes?: number;
}

interface Held {
  readonly address: number;
  readonly usableBytes: number;
  readonly seed: number;
}

interface HeldObject extends Held {
  readonly cachep: number;
}

interface ModelCache {
  readonly cachep: number;
  readonly name: string;
  readonly size: number;
  readonly hasFunctions: boolean;
  live: number;
}

function must(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}

/** A plain model of the Linux face beside the real one: what is held, where, with which bytes, in which state. */
export class LinuxModel {
  #kernel: Linux;
  readonly #attach: () => Heap;
  readonly #alignmentBytes: number;
  readonly #objectBytesMax: number;
  readonly #messages: string[] = [];
  readonly #blocks: Held[] = [];
  readonly #runs: Held[] = [];
  readonly #areas: Held[] = [];
  readonly #objects: HeldObject[] = [];
  readonly #caches: ModelCache[] = [];
  /** Objects that a constructor has seen and no destructor yet, with their caches' names. */
  readonly #constructed = new Map<number, string>();
  /** For every granule of the memory, whether somebody holds it. */
  readonly #taken: Uint8Array;
  #seed = 0;
  #cacheCount = 0;

  constructor(source: MemorySource, options: ModelOptions = {}) {
    const { attach = (memory): Heap => Heap.attach(memory) } = options;
    const { alignmentBytes = ALIGNMENT_BYTES, objectBytesMax = OBJECT_BYTES_MAX } = options;
    this.#attach = (): Heap => attach(source);
    this.#alignmentBytes = alignmentBytes;
    this.#objectBytesMax = objectBytesMax;
    this.#kernel = this.#bind();
    this.#taken = new Uint8Array(this.#bytes.length / GRANULE);
  }

  get kernel(): Linux {
    return this.#kernel;
  }

  step({ name, pick, size, gfp }: LinuxOperation): void {
    const { kmalloc, kzalloc } = this.#kernel;
    const actions: Record<LinuxOperationName, () => void> = {
      kmalloc: () =>
        this.#hold(
          this.#blocks,
          this.#maybe(() => kmalloc(size, gfp)),
          size,
        ),
      kzalloc: () => this.#kzalloc(() => kzalloc(size, gfp), size),
      kfree: () => this.#drop(this.#blocks, pick, ({ address }) => this.#kernel.kfree(address)),
      krealloc: () => this.#krealloc(pick, Math.max(1, size), gfp),
      getPages: () => this.#getPages(pick % 4, gfp),
      freePages: () => this.#freePages(pick),
      vmalloc: () => this.#vmalloc(size * 3 + 1),
      vfree: () => this.#vfree(pick),
      cacheAlloc: () => this.#cacheAlloc(pick, gfp & ~GFP_DMA),
      cacheFree: () => this.#cacheFree(pick),
      createCache: () => this.#createCache(pick, size),
      destroyCache: () => this.#destroyCache(pick),
      shrink: () => this.#shrink(pick),
      reap: () => void this.#kernel.kmem_cache_reap(GFP_KERNEL),
      badCall: () => this.#badCall(pick, size),
      rebind: () => this.#rebind(),
    };
    const isFull = this.#blocks.length + this.#objects.length > MAX_HELD;
    if (isFull && name === "kmalloc") actions.kfree();
    else if (isFull && name === "cacheAlloc") actions.cacheFree();
    else actions[name]();
  }

  /** Everything intact, nothing broken, everything counted. O(memory). */
  verify(): void {
    const { findings } = this.#kernel.check();
    must(findings.length === 0, `check: ${JSON.stringify(findings[0])}`);
    for (const held of [...this.#blocks, ...this.#runs]) this.#mustBeIntact(held);
    for (const { address, usableBytes, seed } of this.#objects) this.#mustBeObject(address, usableBytes, seed);
    for (const area of this.#areas) this.#mustBeMapped(area);
    const expected = [...this.#blocks, ...this.#objects].map(({ address }) => address).sort((a, b) => a - b);
    const listed = [...blocksOf(this.#kernel.heap)].map(({ address }) => address);
    must(JSON.stringify(listed) === JSON.stringify(expected), "blocks() lists other blocks");
    for (const { name, live, hasFunctions } of this.#caches) {
      const { liveBlocks, slabs, slabBlocks } = this.#kernel.heap.openCache(name).stats();
      must(liveBlocks === live, `${name} has ${liveBlocks} objects, the model ${live}`);
      const constructed = [...this.#constructed.values()].filter((owner) => owner === name).length;
      must(constructed === (hasFunctions ? slabs * slabBlocks : 0), `${name} has ${constructed} constructed objects`);
    }
  }

  /** Frees everything and expects that nothing is left. */
  finish(): void {
    while (this.#objects.length > 0) this.#cacheFree(0);
    while (this.#caches.length > 0) this.#destroyCache(0);
    while (this.#blocks.length > 0) this.#drop(this.#blocks, 0, ({ address }) => this.#kernel.kfree(address));
    while (this.#runs.length > 0) this.#freePages(0);
    while (this.#areas.length > 0) this.#vfree(0);
    this.#kernel.heap.trim();
    this.verify();
    must(this.#constructed.size === 0, "objects were constructed and never destroyed");
    const { liveBlocks, caches, bytes } = heapStats(this.#kernel.heap);
    must(liveBlocks === 0 && caches.length === 0 && bytes.pageRunBytes === 0, "something is left");
    must(!this.#taken.includes(1), "the model itself lost bytes");
  }

  #bind(): Linux {
    return linux(this.#attach(), { print: (message) => this.#messages.push(message) });
  }

  #rebind(): void {
    this.#kernel = this.#bind();
    for (const { name, cachep, hasFunctions } of this.#caches) {
      const [ctor, dtor] = hasFunctions ? this.#functions(name) : [null, null];
      must(this.#kernel.kmem_cache_open(name, ctor, dtor) === cachep, `${name} is somewhere else`);
    }
  }

  get #bytes(): Uint8Array {
    return new Uint8Array(this.#kernel.heap.buffer);
  }

  get #words(): Int32Array {
    return new Int32Array(this.#kernel.heap.buffer);
  }

  /** A call that may find no memory: NULL has one message, everything else none. */
  #maybe(call: () => number): number {
    const before = this.#messages.length;
    const address = call();
    const added = this.#messages.length - before;
    must(added === (address === 0 ? 1 : 0), `${added} messages for ${address}: ${this.#messages.at(-1)}`);
    return address;
  }

  #quietly(call: () => void): void {
    const before = this.#messages.length;
    call();
    must(this.#messages.length === before, `a right call printed: ${this.#messages.at(-1)}`);
  }

  #claim(address: number, usableBytes: number): void {
    const [first, end] = [address / GRANULE, (address + usableBytes) / GRANULE];
    must(Number.isInteger(first) && end <= this.#taken.length, `${address} is no place for ${usableBytes} bytes`);
    must(!this.#taken.subarray(first, end).includes(1), `the memory at ${address} is somebody's already`);
    this.#taken.fill(1, first, end);
  }

  #yield({ address, usableBytes }: Held): void {
    this.#taken.fill(0, address / GRANULE, (address + usableBytes) / GRANULE);
  }

  #hold(list: Held[], address: number, size: number, usableBytes = this.#kernel.ksize(address)): void {
    if (address === 0) return;
    must(usableBytes >= size && address % this.#alignmentBytes === 0, `${usableBytes} bytes at ${address} for ${size}`);
    this.#claim(address, usableBytes);
    stamp(this.#bytes, address, usableBytes, this.#seed);
    list.push({ address, usableBytes, seed: this.#seed++ });
  }

  #take<Item>(list: Item[], pick: number): Item | undefined {
    const index = pick % Math.max(1, list.length);
    const item = list[index];
    if (item !== undefined) {
      list[index] = list.at(-1) as Item;
      list.pop();
    }
    return item;
  }

  #drop(list: Held[], pick: number, free: (held: Held) => void): void {
    const held = this.#take(list, pick);
    if (held === undefined) return;
    this.#mustBeIntact(held);
    this.#yield(held);
    this.#quietly(() => free(held));
  }

  #mustBeIntact({ address, usableBytes, seed }: Held, keptBytes = usableBytes, at = address): void {
    const fault = stampFault(this.#bytes, at, usableBytes, seed, keptBytes);
    must(fault === -1, `byte ${fault} of the memory at ${at} has changed`);
  }

  #kzalloc(call: () => number, size: number): void {
    const address = this.#maybe(call);
    const isClear = !this.#bytes.subarray(address, address + size).some((byte) => byte !== 0);
    must(address === 0 || isClear, `kzalloc(${size}) is not clear`);
    this.#hold(this.#blocks, address, size);
  }

  #krealloc(pick: number, size: number, gfp: number): void {
    const old = this.#blocks[pick % Math.max(1, this.#blocks.length)];
    const address = this.#maybe(() => this.#kernel.krealloc(old?.address ?? 0, size, gfp));
    if (old === undefined) this.#hold(this.#blocks, address, size);
    else if (address === 0 || address === old.address) this.#mustBeIntact(old);
    else {
      this.#mustBeIntact(old, Math.min(size, old.usableBytes), address);
      this.#blocks.splice(this.#blocks.indexOf(old), 1);
      this.#yield(old);
      this.#hold(this.#blocks, address, size);
    }
  }

  #getPages(order: number, gfp: number): void {
    const address = this.#maybe(() => this.#kernel.__get_free_pages(gfp, order));
    const sizeBytes = PAGE * 2 ** order;
    must(address % sizeBytes === 0, `${2 ** order} pages lie at ${address}`);
    this.#hold(this.#runs, address, sizeBytes, sizeBytes);
  }

  #freePages(pick: number): void {
    const { __free_pages, virt_to_page } = this.#kernel;
    this.#drop(this.#runs, pick, ({ address, usableBytes }) =>
      __free_pages(virt_to_page(address), Math.log2(usableBytes / PAGE)),
    );
  }

  #vmalloc(size: number): void {
    const address = this.#maybe(() => this.#kernel.vmalloc(size));
    if (address === 0) return;
    const usableBytes = Math.ceil(size / PAGE) * PAGE;
    for (const page of this.#pagesOf(address, usableBytes)) this.#claim(page, PAGE);
    const area = { address, usableBytes, seed: this.#seed++ };
    this.#eachWord(area, (at, value) => this.#kernel.vm.writeU32(at, value));
    this.#areas.push(area);
  }

  #vfree(pick: number): void {
    const area = this.#take(this.#areas, pick);
    if (area === undefined) return;
    this.#mustBeMapped(area);
    for (const page of this.#pagesOf(area.address, area.usableBytes)) {
      this.#taken.fill(0, page / GRANULE, (page + PAGE) / GRANULE);
    }
    this.#quietly(() => this.#kernel.vfree(area.address));
  }

  #pagesOf(address: number, usableBytes: number): number[] {
    const { vm } = this.#kernel;
    return Array.from({ length: usableBytes / PAGE }, (_, index) => vm.vmallocToPage(address + index * PAGE));
  }

  #mustBeMapped(area: Held): void {
    this.#eachWord(area, (at, value) => {
      must(this.#kernel.vm.readU32(at) === value, `the word at ${at} has changed`);
    });
  }

  /** A word at the start of every page, one across every border, and one at the end. */
  #eachWord({ address, usableBytes, seed }: Held, visit: (at: number, value: number) => void): void {
    const end = address + usableBytes;
    for (let page = address; page < end; page += PAGE) {
      visit(page + 8, (page + seed) >>> 0);
      if (page + PAGE < end) visit(page + PAGE - 2, (page ^ seed) >>> 0);
    }
    visit(end - 4, seed);
  }

  #functions(name: string): [(objp: number) => void, (objp: number) => void] {
    return [
      (objp) => {
        must(!this.#constructed.has(objp), `${objp} of ${name} is constructed twice`);
        this.#constructed.set(objp, name);
        this.#words[objp / 4] = CONSTRUCTED;
      },
      (objp) => {
        must(this.#constructed.delete(objp), `${objp} of ${name} is destroyed twice`);
        must(this.#words[objp / 4] === CONSTRUCTED, `${objp} of ${name} has lost its constructed state`);
      },
    ];
  }

  #createCache(pick: number, size: number): void {
    if (this.#caches.length >= MAX_CACHES) return;
    const name = `cache-${this.#cacheCount++}`;
    const objectBytes = Math.min(this.#objectBytesMax, Math.max(64, size * (pick % 7 === 0 ? 20 : 1)));
    const hasFunctions = pick % 3 !== 0;
    const [ctor, dtor] = hasFunctions ? this.#functions(name) : [null, null];
    const offset = (pick % 4) * 16;
    const cachep = this.#kernel.kmem_cache_create(name, objectBytes, offset, (pick % 2) * 0x2000, ctor, dtor);
    must(cachep > 0, `no cache ${name}`);
    this.#caches.push({ cachep, name, size: objectBytes, hasFunctions, live: 0 });
  }

  #destroyCache(pick: number): void {
    const cache = this.#caches[pick % Math.max(1, this.#caches.length)];
    if (cache === undefined) return;
    const result = this.#kernel.kmem_cache_destroy(cache.cachep);
    must(result === (cache.live > 0 ? 1 : 0), `destroying ${cache.name} with ${cache.live} objects gives ${result}`);
    if (result === 0) this.#caches.splice(this.#caches.indexOf(cache), 1);
  }

  #shrink(pick: number): void {
    const cache = this.#caches[pick % Math.max(1, this.#caches.length)];
    if (cache === undefined) return;
    const result = this.#kernel.kmem_cache_shrink(cache.cachep);
    must(result === (cache.live > 0 ? 1 : 0), `shrinking ${cache.name} with ${cache.live} objects gives ${result}`);
  }

  #cacheAlloc(pick: number, gfp: number): void {
    const cache = this.#caches[pick % Math.max(1, this.#caches.length)];
    if (cache === undefined) return;
    const address = this.#maybe(() => this.#kernel.kmem_cache_alloc(cache.cachep, gfp));
    if (address === 0) return;
    const usableBytes = this.#kernel.ksize(address);
    must(usableBytes >= cache.size, `an object of ${usableBytes} bytes for ${cache.size}`);
    this.#claim(address, usableBytes);
    const isReady = this.#constructed.get(address) === cache.name && this.#words[address / 4] === CONSTRUCTED;
    must(isReady === cache.hasFunctions, `an object of ${cache.name} is ${isReady ? "" : "not "}constructed`);
    if (!cache.hasFunctions) this.#words[address / 4] = CONSTRUCTED;
    const object = { address, usableBytes, seed: this.#seed++, cachep: cache.cachep };
    stamp(this.#bytes, address + 4, usableBytes - 4, object.seed);
    this.#objects.push(object);
    cache.live++;
  }

  #cacheFree(pick: number): void {
    const object = this.#take(this.#objects, pick);
    if (object === undefined) return;
    const { address, usableBytes, seed, cachep } = object;
    this.#mustBeObject(address, usableBytes, seed);
    // What the constructor of the next cache in this place finds must not be what this one wrote.
    if (!this.#constructed.has(address)) this.#words[address / 4] = 0;
    this.#yield(object);
    this.#quietly(() => this.#kernel.kmem_cache_free(cachep, address));
    const cache = this.#caches.find((other) => other.cachep === cachep);
    if (cache !== undefined) cache.live--;
  }

  #mustBeObject(address: number, usableBytes: number, seed: number): void {
    must(this.#words[address / 4] === CONSTRUCTED, `the object at ${address} has lost its constructed state`);
    const fault = stampFault(this.#bytes, address + 4, usableBytes - 4, seed);
    must(fault === -1, `byte ${fault} of the object at ${address} has changed`);
  }

  /** A call that must be refused: one message, no changed byte in what is held. */
  #badCall(pick: number, size: number): void {
    const { kmalloc, kfree, vfree, free_pages, kmem_cache_alloc, kmem_cache_free, vmalloc } = this.#kernel;
    const calls: (() => unknown)[] = [
      () => kmalloc(131_049 + size, GFP_KERNEL),
      () => kmalloc(size, 0x40),
      () => kfree(0.5 + size),
      () => vmalloc(-size),
      () => vfree(1 + size * 2),
      () => free_pages(PAGE * (1 + (size % 7)), 0),
      () => kmem_cache_alloc(size | 1, GFP_KERNEL),
    ];
    const block = this.#blocks[pick % Math.max(1, this.#blocks.length)];
    const object = this.#objects[pick % Math.max(1, this.#objects.length)];
    const area = this.#areas[pick % Math.max(1, this.#areas.length)];
    if (block !== undefined) calls.push(() => kfree(block.address + 1 + (size % (block.usableBytes - 1))));
    if (object !== undefined) {
      calls.push(
        () => kmem_cache_free(object.cachep, object.address + 1),
        () => kmem_cache_free(object.cachep, block?.address ?? 0),
      );
    }
    if (area !== undefined) calls.push(() => vfree(area.address + 1 + (size % 100_000)));
    const before = this.#messages.length;
    (calls[pick % calls.length] as () => unknown)();
    must(this.#messages.length === before + 1, "a wrong call printed no message, or several");
  }
}
