import { checkLayers } from "../../src/kmalloc/check.ts";
import type { Layers } from "../../src/kmalloc/layers.ts";
import { createLayers, THREADS } from "../../src/kmalloc/open-layers.ts";
import { KmemError } from "../../src/memory/errors.ts";
import { type MemoryOptions, newMemory } from "../../src/memory/new-memory.ts";
import { NO_FRAME, RunKind } from "../../src/pages/layout.ts";
import { tablePages } from "../../src/pages/moving-tables.ts";
import { VMALLOC_START } from "../../src/vmalloc/layout.ts";
import { Vmalloc } from "../../src/vmalloc/vmalloc.ts";
import { Random } from "../support/random.ts";

/** How often each operation is drawn, in parts of the sum. */
const WEIGHTS = {
  vmalloc: 240,
  vzalloc: 40,
  vmap: 60,
  release: 320,
  write: 120,
  number: 60,
  fill: 30,
  copy: 40,
  read: 80,
  badRelease: 40,
  fault: 40,
  attach: 2,
} as const;
export type VmallocOperationName = keyof typeof WEIGHTS;
export const VMALLOC_OPERATIONS: readonly VmallocOperationName[] = Object.keys(WEIGHTS) as VmallocOperationName[];
const WEIGHTED: readonly VmallocOperationName[] = VMALLOC_OPERATIONS.flatMap((name) =>
  new Array<VmallocOperationName>(WEIGHTS[name]).fill(name),
);

/** One operation as data, so that a list of them can be shrunk: what to do, and numbers that say with what. */
export interface VmallocOperation {
  readonly name: VmallocOperationName;
  readonly pick: number;
  readonly size: number;
  readonly offset: number;
}

const PAGE = 4096;
/** Pages of the user's own that vmap shows. */
const SHOWN_PAGES = 12;
const MAX_AREAS = 400;
const NUMBER_BYTES = 8;
/** Pages that one page table maps. */
const TABLE_PAGES = 1024;
/** The share of a zone that is its reserve. */
const RESERVE_DIVISOR = 256;

/** A page of the user's and the bytes that must be in it. */
interface ShownPage {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** An area as it must be: each page is an array of its own, which two areas of vmap may share. */
interface PlainArea {
  readonly address: number;
  readonly askedBytes: number;
  readonly kind: "vmalloc" | "vmap";
  readonly caller: string;
  readonly pages: readonly Uint8Array[];
}

function must(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}

/** A plain model of virtual memory beside the real one: which areas there are, where, and with which bytes. */
export class VmallocModel {
  readonly layers: Layers;
  vmalloc: Vmalloc;
  readonly areas = new Map<number, PlainArea>();
  readonly #anchorAddress: number;
  readonly #shown: readonly ShownPage[];
  readonly #scratch: number;
  readonly #otherFrames: number;
  #seed = 1;

  constructor(options: MemoryOptions) {
    const { memory, extent } = newMemory(options);
    this.layers = createLayers(memory, { ...extent, slotCount: 4 }, {}, THREADS);
    const page = (): number => {
      const frame = this.layers.pages.allocate(1, RunKind.PAGES);
      must(frame !== NO_FRAME, "there are no pages for the model's own");
      memory.bytes.fill(0, frame * PAGE, (frame + 1) * PAGE);
      return frame * PAGE;
    };
    this.#anchorAddress = page();
    this.#scratch = page();
    this.#shown = Array.from({ length: SHOWN_PAGES }, () => ({ address: page(), bytes: new Uint8Array(PAGE) }));
    this.#otherFrames = this.#usedFrames;
    const vmalloc = Vmalloc.create(this.layers, this.#anchorAddress);
    must(vmalloc !== undefined, "there are no pages for virtual memory");
    this.vmalloc = vmalloc;
  }

  /** Pages in use, but for the heap's tables, which grow with the memory. */
  get #usedFrames(): number {
    const { pages, geometry } = this.layers;
    return pages.usedFrames - tablePages(geometry);
  }

  /** Does one operation on both and compares what they say. Throws at a difference. */
  step(operation: VmallocOperation): void {
    const { name } = operation;
    if (name === "vmalloc" || name === "vzalloc") this.#allocate(operation);
    else if (name === "vmap") this.#map(operation);
    else if (name === "release") this.#release(operation);
    else if (name === "badRelease") this.#releaseBadly(operation);
    else if (name === "fault") this.#fault(operation);
    else if (name === "attach") this.vmalloc = Vmalloc.attach(this.layers, this.#anchorAddress);
    else this.#access(operation);
  }

  /** Compares everything: areas, contents, guard pages, pages taken, and what the checks find. */
  verify(): void {
    const { vmalloc, layers } = this;
    const expected = [...this.areas.values()].sort((a, b) => a.address - b.address);
    const found = vmalloc.areas();
    must(found.length === expected.length, `there are ${found.length} areas, not ${expected.length}`);
    let end = VMALLOC_START;
    for (const [index, area] of expected.entries()) {
      const { address, sizeBytes, askedBytes, pageCount, kind, caller } = found[index] as (typeof found)[number];
      const where = `the area at ${address}`;
      must(address === area.address && address >= end, `${where} is not where it must be or overlaps another`);
      must(
        sizeBytes === (area.pages.length + 1) * PAGE && pageCount === area.pages.length,
        `${where} has a wrong size`,
      );
      must(askedBytes === area.askedBytes && kind === area.kind && caller === area.caller, `${where} is another`);
      must(vmalloc.vmallocToPage(address + pageCount * PAGE) === 0, `${where} has a mapped guard page`);
      end = address + sizeBytes;
      this.#compare(area, 0, pageCount * PAGE);
    }
    const { framePages, directoryPages, tablePages, recordPages } = vmalloc.stats();
    const managedFrames = expected.reduce((sum, area) => sum + (area.kind === "vmalloc" ? area.pages.length : 0), 0);
    must(framePages === managedFrames, `${framePages} frames are in areas, not ${managedFrames}`);
    const taken = framePages + directoryPages + tablePages + recordPages;
    must(this.#usedFrames === this.#otherFrames + taken, `${this.#usedFrames} pages are in use`);
    vmalloc.check((address, problem) => must(false, `check: ${problem} (at ${address})`));
    const { findings } = checkLayers(layers);
    must(findings.length === 0, `check of the layers: ${findings[0]?.problem}`);
  }

  /** Frees every area and verifies that their pages came back. */
  finish(): void {
    for (const { address, kind } of [...this.areas.values()]) {
      must((kind === "vmap" ? this.vmalloc.vunmap(address) : this.vmalloc.vfree(address)) === "freed", "not freed");
      this.areas.delete(address);
    }
    this.verify();
    this.vmalloc.destroy();
    must(this.#usedFrames === this.#otherFrames, "pages were lost");
  }

  #nth(pick: number): PlainArea | undefined {
    const addresses = [...this.areas.keys()];
    return this.areas.get(addresses[pick % Math.max(1, addresses.length)] as number);
  }

  #allocate({ name, pick, size, offset }: VmallocOperation): void {
    if (this.areas.size >= MAX_AREAS) return;
    const alignmentBytes = PAGE << (offset % 8 === 0 ? pick % 6 : 0);
    const caller = `caller_${pick}`;
    const available = this.#availablePages();
    const address = this.vmalloc[name as "vmalloc" | "vzalloc"](size, { caller, alignmentBytes });
    const pageCount = Math.ceil(size / PAGE);
    if (address === 0) {
      // Beside its pages an area needs page tables, perhaps a page of records, and leaves the reserve alone.
      const needed = pageCount + Math.ceil(pageCount / TABLE_PAGES) + 2 + this.#reservePages();
      must(size === 0 || available < needed, `no area of ${size} bytes although ${available} pages are free`);
      must(this.#availablePages() >= available - 1, "a failed vmalloc has kept pages");
      return;
    }
    must(size > 0 && address % alignmentBytes === 0, `${address} for ${size} bytes aligned to ${alignmentBytes}`);
    this.#requireGap(address, pageCount);
    const pages = Array.from({ length: pageCount }, () => new Uint8Array(PAGE));
    const area: PlainArea = { address, askedBytes: size, kind: "vmalloc", caller, pages };
    this.areas.set(address, area);
    if (name === "vzalloc") this.#compare(area, 0, pageCount * PAGE);
    else this.#write(area, 0, this.#pattern(pageCount * PAGE));
  }

  #map({ pick, size, offset }: VmallocOperation): void {
    if (this.areas.size >= MAX_AREAS) return;
    const chosen = Array.from({ length: 1 + (size % SHOWN_PAGES) }, (_, index) => {
      return this.#shown[(pick + index * (1 + (offset % SHOWN_PAGES))) % SHOWN_PAGES] as ShownPage;
    });
    const address = this.vmalloc.vmap(chosen.map((page) => page.address));
    if (address === 0) {
      must(this.#availablePages() <= this.#reservePages() + 2, "vmap failed although there are pages for a table");
      return;
    }
    this.#requireGap(address, chosen.length);
    const pages = chosen.map(({ bytes }) => bytes);
    const area: PlainArea = { address, askedBytes: chosen.length * PAGE, kind: "vmap", caller: "", pages };
    this.areas.set(address, area);
    this.#compare(area, 0, chosen.length * PAGE);
  }

  #release({ pick }: VmallocOperation): void {
    const area = this.#nth(pick);
    if (area === undefined) return;
    this.#compare(area, 0, area.pages.length * PAGE);
    const isMap = area.kind === "vmap";
    const wrong = isMap ? this.vmalloc.vfree(area.address) : this.vmalloc.vunmap(area.address);
    must(wrong === "wrong kind", `an area of ${area.kind} was released the wrong way: ${wrong}`);
    const result = isMap ? this.vmalloc.vunmap(area.address) : this.vmalloc.vfree(area.address);
    must(result === "freed", `the area at ${area.address} could not be freed: ${result}`);
    this.areas.delete(area.address);
    must(this.vmalloc.vmallocToPage(area.address) === 0, "a freed area is still mapped");
    must(this.vmalloc.vfree(area.address) === "nonexistent", "an area was freed twice");
  }

  #releaseBadly({ pick, offset }: VmallocOperation): void {
    const area = this.#nth(pick);
    const base = area?.address ?? VMALLOC_START;
    const pageCount = area?.pages.length ?? 1;
    const inside = base + PAGE * (1 + (offset % pageCount));
    const expected = this.areas.has(inside) ? undefined : "nonexistent";
    if (expected !== undefined) must(this.vmalloc.vfree(inside) === expected, `${inside} was freed`);
    const odd = base + 1 + (offset % (PAGE - 1));
    must(this.vmalloc.vfree(odd) === "bad address" && this.vmalloc.vunmap(odd) === "bad address", `${odd} was freed`);
    must(this.vmalloc.vfree(0) === "null", "0 is not let pass");
    must(this.vmalloc.vfree(this.#scratch) === "nonexistent", "an address of the buffer was freed");
  }

  #fault({ pick, offset }: VmallocOperation): void {
    const area = this.#nth(pick);
    if (area === undefined) return;
    const guard = area.address + area.pages.length * PAGE;
    const from = guard - 1 - (offset % Math.min(area.pages.length * PAGE, 2 * PAGE));
    const data = new Uint8Array(guard - from + 1).fill(0x99);
    for (const act of [
      () => this.vmalloc.readBytes(from, data.length),
      () => this.vmalloc.writeBytes(from, data),
      () => this.vmalloc.fill(from, data.length, 0x99),
      () => this.vmalloc.writeF64(guard - (offset % NUMBER_BYTES), 1),
      () => this.vmalloc.readU8(guard),
    ]) {
      must(faultAddress(act) === guard, `no fault at the guard page at ${guard}`);
    }
    this.#compare(area, from - area.address, guard - from);
  }

  #access({ name, pick, size, offset }: VmallocOperation): void {
    const area = this.#nth(pick);
    if (area === undefined) return;
    const areaBytes = area.pages.length * PAGE;
    const start = offset % areaBytes;
    const length = Math.min(name === "copy" ? size % PAGE : size, areaBytes - start);
    const address = area.address + start;
    if (name === "write") this.#write(area, start, this.#pattern(length));
    else if (name === "read") this.#compare(area, start, length);
    else if (name === "fill") {
      this.vmalloc.fill(address, length, this.#seed);
      this.#store(area, start, new Uint8Array(length).fill(this.#seed++));
    } else if (name === "number" && start + NUMBER_BYTES <= areaBytes) {
      const value = size / (1 + pick);
      this.vmalloc.writeF64(address, value);
      this.#store(area, start, new Uint8Array(Float64Array.of(value).buffer));
      must(this.vmalloc.readF64(address) === value, `${value} came back as another number`);
      must(this.vmalloc.readU32(address) === new Uint32Array(Float64Array.of(value).buffer)[0], "a wrong half");
    } else if (name === "copy") {
      const data = this.#pattern(length);
      this.layers.memory.bytes.set(data, this.#scratch);
      this.vmalloc.copyIn(address, this.#scratch, length);
      this.#store(area, start, data);
      this.layers.memory.bytes.fill(0, this.#scratch, this.#scratch + PAGE);
      this.vmalloc.copyOut(address, this.#scratch, length);
      const copy = this.layers.memory.bytes.subarray(this.#scratch, this.#scratch + length);
      must(length === 0 || Buffer.compare(copy, this.#load(area, start, length)) === 0, "a copy differs");
    }
  }

  /** Whether the pages of a new area and its guard page were all outside of the others. */
  #requireGap(address: number, pageCount: number): void {
    const end = address + (pageCount + 1) * PAGE;
    for (const other of this.areas.values()) {
      const otherEnd = other.address + (other.pages.length + 1) * PAGE;
      must(end <= other.address || otherEnd <= address, `the new area at ${address} overlaps one at ${other.address}`);
    }
  }

  /** Pages that are free or that the memory may still grow by. */
  #availablePages(): number {
    const { frames, freeBytes } = this.layers.pages;
    return freeBytes / PAGE + frames.limitFrame - frames.endFrame;
  }

  #reservePages(): number {
    const { frames } = this.layers.pages;
    return Math.ceil((frames.limitFrame - frames.firstPageFrame) / RESERVE_DIVISOR);
  }

  #pattern(length: number): Uint8Array {
    const seed = this.#seed++;
    return Uint8Array.from({ length }, (_, index) => (seed * 31 + index * 7 + (index >>> 8)) & 0xff);
  }

  #write(area: PlainArea, start: number, data: Uint8Array): void {
    this.vmalloc.writeBytes(area.address + start, data);
    this.#store(area, start, data);
  }

  #store(area: PlainArea, start: number, data: Uint8Array): void {
    for (let done = 0; done < data.length; ) {
      const at = start + done;
      const part = Math.min(PAGE - (at % PAGE), data.length - done);
      (area.pages[Math.floor(at / PAGE)] as Uint8Array).set(data.subarray(done, done + part), at % PAGE);
      done += part;
    }
  }

  #load(area: PlainArea, start: number, length: number): Uint8Array {
    return Buffer.concat(area.pages).subarray(start, start + length);
  }

  /** Compares a part of an area, read as a copy and as views. */
  #compare(area: PlainArea, start: number, length: number): void {
    const expected = this.#load(area, start, length);
    const copy = this.vmalloc.readBytes(area.address + start, length);
    must(Buffer.compare(copy, expected) === 0, `the area at ${area.address} has changed`);
    let done = 0;
    for (const view of this.vmalloc.segments(area.address + start, length)) {
      must(Buffer.compare(view, expected.subarray(done, done + view.length)) === 0, "a view shows other bytes");
      done += view.length;
    }
    must(done === length, `the views have ${done} of ${length} bytes`);
  }
}

function faultAddress(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof KmemError && error.code === "INVALID_ADDRESS") return error.details["address"];
    throw error;
  }
  return undefined;
}

/** What a campaign is to do; every field but the first has a default. */
export interface VmallocCampaignOptions {
  readonly operations: number;
  readonly seed?: number;
  readonly memory?: MemoryOptions;
  /** Operations between two checks of everything. */
  readonly checkInterval?: number;
}

/** Runs random operations against the model; throws at the first difference. */
export function runVmallocCampaign(options: VmallocCampaignOptions): void {
  const { operations, seed = 1, memory = { sizeBytes: 4 * 1024 * 1024 }, checkInterval = 5000 } = options;
  const random = new Random(seed);
  const model = new VmallocModel(memory);
  for (let step = 1; step <= operations; step++) {
    model.step({
      name: random.pick(WEIGHTED),
      pick: random.below(1_000_000),
      size: random.size(random.below(200) === 0 ? 2_000_000 : 40_000),
      offset: random.below(1_000_000),
    });
    if (step % checkInterval === 0) model.verify();
  }
  model.finish();
}
