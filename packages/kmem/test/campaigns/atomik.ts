import { type Atomik, atomik, LogRing } from "../../src/kernels/atomik/atomik.ts";
import { RegionModel } from "../region/model.ts";
import { stamp, stampFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";

/** What a campaign did. It throws at the first difference from its model. */
export interface CampaignReport {
  readonly operations: number;
  readonly allocations: number;
  readonly frees: number;
  /** Requests that found no room, which the model agreed with. */
  readonly exhausted: number;
  /** Calls that had to be refused, and were, with a message. */
  readonly refused: number;
}

const CHECK_EVERY = 4096;
const PAGE = 4096;
const PAGE_WORDS = 1024;
const BLOCK_BYTES = 16;
const CHUNK_HEADER_BLOCKS = 2;
/** Where a region's first payload is, from its header. */
const FIRST_PAYLOAD = 64;

function must(condition: boolean, what: string, operation: number): asserts condition {
  if (!condition) throw new Error(`operation ${operation}: ${what}`);
}

function mustBeClean(kernel: Atomik, operation: number): void {
  const [finding] = kernel.check();
  must(finding === undefined, `0x${finding?.address.toString(16)}: ${finding?.problem}`, operation);
}

/** A console that counts. */
function counter(): { console: LogRing; count: () => number } {
  let messages = 0;
  return { console: new LogRing(() => messages++, 1), count: () => messages };
}

interface Block {
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
}

/**
 * Worst fit and first fit mixed over three regions in one memory, each against a plain list that knows every address:
 * addresses, contents, refusals, and at the end a single free chunk again.
 */
export function kmallocCampaign(operations: number, seed: number): CampaignReport {
  const random = new Random(seed);
  const memory = new SharedArrayBuffer(128 * 1024);
  const bytes = new Uint8Array(memory);
  const log = counter();
  const kernel = atomik(memory, log.console);
  const regions = [
    [5, 20_001],
    [20_100, 65_536],
    [65_537, 131_071],
  ].map(([start, end]) => {
    const hdr = kernel.kmalloc_init(start as number, end as number);
    return { hdr, model: new RegionModel(hdr, end as number), blocks: [] as Block[] };
  });
  const counts = { allocations: 0, frees: 0, exhausted: 0, refused: 0 };
  for (let operation = 0; operation < operations; operation++) {
    const { hdr, model, blocks } = random.pick(regions);
    const action = random.below(100);
    if (action < 52) {
      const sizeBytes = random.size(random.below(8) === 0 ? 8192 : 512);
      const worst = random.below(2) === 0;
      const address = worst ? kernel.kmalloc(sizeBytes, hdr) : kernel.kmalloc_fast(sizeBytes, hdr);
      const expected = worst ? model.worst(sizeBytes) : model.first(sizeBytes);
      must(address === expected, `${sizeBytes} bytes at ${address} instead of ${expected}`, operation);
      if (address === 0) counts.exhausted++;
      else {
        counts.allocations++;
        blocks.push({ address, sizeBytes, seed: operation });
        stamp(bytes, address, sizeBytes, operation);
      }
    } else if (blocks.length > 0) {
      const index = random.below(blocks.length);
      const block = blocks[index] as Block;
      must(stampFault(bytes, block.address, block.sizeBytes, block.seed) === -1, "contents changed", operation);
      if (action < 97) {
        kernel.kfree(block.address, hdr);
        model.free(block.address);
        blocks[index] = blocks.at(-1) as Block;
        blocks.pop();
        counts.frees++;
      } else {
        const before = log.count();
        // Into the next chunk's header, into a block's own, or into another region.
        const other = random.pick(regions.filter((region) => region.hdr !== hdr));
        const [ptr, owner] = random.pick([
          [block.address - 16, hdr],
          [block.address + 8, hdr],
          [block.address, other.hdr],
        ] as const);
        kernel.kfree(ptr, owner);
        must(log.count() === before + 1, "a wrong kfree printed nothing", operation);
        counts.refused++;
      }
    }
    if (operation % CHECK_EVERY === 0) mustBeClean(kernel, operation);
  }
  for (const { hdr, model, blocks } of regions) {
    for (const block of random.shuffled(blocks)) {
      must(stampFault(bytes, block.address, block.sizeBytes, block.seed) === -1, "contents changed", operations);
      kernel.kfree(block.address, hdr);
      model.free(block.address);
    }
    must(model.chunks.length === 1, "the model has not merged", operations);
    const wholeBytes = ((model.chunks[0]?.blocks ?? 0) - CHUNK_HEADER_BLOCKS) * BLOCK_BYTES;
    must(kernel.kmalloc(wholeBytes, hdr) === hdr + FIRST_PAYLOAD, "the region is not one free chunk again", operations);
  }
  mustBeClean(kernel, operations);
  must(log.count() === counts.refused, "messages for calls that were right", operations);
  return { operations, ...counts };
}

const RANGES = [
  [1, 150],
  [151, 188],
  [200, 593],
] as const;

/** An owner for each page of the ranges: the number of its allocation, 0 while it is free. */
class PageModel {
  readonly #ranges: { readonly first: number; readonly owners: number[] }[];

  /** Takes for each range its end and how many pages it has behind its tables. */
  constructor(ranges: readonly { readonly end: number; readonly pages: number }[]) {
    this.#ranges = ranges.map(({ end, pages }) => ({ first: end - pages, owners: new Array<number>(pages).fill(0) }));
  }

  owner(page: number): number | undefined {
    const range = this.#ranges.find(({ first, owners }) => page >= first && page < first + owners.length);
    return range?.owners[page - range.first];
  }

  set(page: number, owner: number): void {
    const range = this.#ranges.find(({ first, owners }) => page >= first && page < first + owners.length);
    if (range !== undefined) range.owners[page - range.first] = owner;
  }

  /** How many free pages stand side by side at most. */
  longestFree(): number {
    let longest = 0;
    for (const { owners } of this.#ranges) {
      let run = 0;
      for (const owner of owners) {
        run = owner === 0 ? run + 1 : 0;
        longest = Math.max(longest, run);
      }
    }
    return longest;
  }
}

interface Part {
  readonly id: number;
  readonly page: number;
  readonly count: number;
}

/** The kernel, the model and what is allocated, side by side. */
class PageCampaign {
  readonly counts: { allocations: number; frees: number; exhausted: number; refused: number } = {
    allocations: 0,
    frees: 0,
    exhausted: 0,
    refused: 0,
  };
  readonly parts: Part[] = [];
  readonly kernel: Atomik;
  readonly #memory: SharedArrayBuffer = new SharedArrayBuffer(600 * PAGE);
  readonly #words: Int32Array = new Int32Array(this.#memory);
  readonly #random: Random;
  readonly #model: PageModel;
  readonly #ranges: readonly number[];
  readonly #lists: string;

  constructor(random: Random, console: LogRing) {
    this.#random = random;
    this.kernel = atomik(this.#memory, console);
    this.#ranges = RANGES.map(([first, end]) => this.kernel.mm_register_region(first * PAGE, end * PAGE - 1));
    const quiet = atomik(this.#memory, new LogRing());
    quiet.mm_register_region(RANGES[0][0] * PAGE, RANGES[0][1] * PAGE - 1);
    const pages = this.#ranges.map((range) => quiet.mm_region_debug(range));
    this.#model = new PageModel(RANGES.map(([, end], index) => ({ end, pages: pages[index] as number })));
    this.#lists = this.#freeLists();
  }

  /** The free lists of all ranges, through a binding of its own that joins the list by its first range. */
  #freeLists(): string {
    const console = new LogRing();
    const kernel = atomik(this.#memory, console);
    kernel.mm_register_region(RANGES[0][0] * PAGE, RANGES[0][1] * PAGE - 1);
    for (const range of this.#ranges) kernel.mm_region_debug(range);
    return console.messages().join("\n");
  }

  step(operation: number): void {
    const action = this.#random.below(100);
    if (action < 45 || this.parts.length === 0) this.#alloc(operation);
    else if (action < 75) this.#freeWhole(operation);
    else if (action < 94) this.#freePart(operation);
    else this.#freeWrongly(operation);
  }

  #alloc(operation: number): void {
    const count = 1 + this.#random.below(this.#random.below(10) === 0 ? 120 : 9);
    const page = this.kernel.page_alloc(count) / PAGE;
    if (page === 0) {
      must(this.#model.longestFree() < count, `NULL for ${count} pages, which there are`, operation);
      this.counts.exhausted++;
      return;
    }
    for (let at = page; at < page + count; at++) {
      must(this.#model.owner(at) === 0, `page ${at} was given twice, or is none`, operation);
      this.#model.set(at, operation);
      this.#words[at * PAGE_WORDS] = operation;
      this.#words[(at + 1) * PAGE_WORDS - 1] = operation;
    }
    this.parts.push({ id: operation, page, count });
    this.counts.allocations++;
  }

  #takeUpTo(): Part {
    const index = this.#random.below(this.parts.length);
    return this.parts.splice(index, 1)[0] as Part;
  }

  #freeWhole(operation: number): void {
    this.#free(this.#takeUpTo(), operation);
  }

  #freePart(operation: number): void {
    const part = this.#takeUpTo();
    const skipped = this.#random.below(part.count);
    const count = 1 + this.#random.below(part.count - skipped);
    const behind = part.page + skipped + count;
    if (skipped > 0) this.parts.push({ ...part, count: skipped });
    if (behind < part.page + part.count) {
      this.parts.push({ ...part, page: behind, count: part.page + part.count - behind });
    }
    this.#free({ id: part.id, page: part.page + skipped, count }, operation);
  }

  #free({ id, page, count }: Part, operation: number): void {
    for (let at = page; at < page + count; at++) {
      const isIntact = this.#words[at * PAGE_WORDS] === id && this.#words[(at + 1) * PAGE_WORDS - 1] === id;
      must(isIntact, `page ${at} was overwritten`, operation);
      this.#model.set(at, 0);
    }
    must(this.kernel.page_free(page * PAGE, count) === 0, `page_free of ${count} pages at ${page}`, operation);
    this.counts.frees++;
  }

  /** One page more than the allocation has, or what is no page's address. */
  #freeWrongly(operation: number): void {
    const { page, count } = this.#random.pick(this.parts);
    const [start, pages] =
      this.#random.below(2) === 0 ? [page * PAGE, count + 1] : [page * PAGE + 1 + this.#random.below(PAGE - 1), 1];
    must(this.kernel.page_free(start, pages) === -1, `a wrong page_free of ${pages} pages at ${start}`, operation);
    this.counts.refused++;
  }

  finish(operations: number): void {
    for (const part of this.#random.shuffled(this.parts)) this.#free(part, operations);
    must(this.#freeLists() === this.#lists, "the free lists are not those of the start", operations);
  }
}

/**
 * page_alloc and page_free over three ranges, none a power of two, against an owner for each page: exact counts,
 * contiguity, NULL only where no range has the pages side by side, parts of allocations freed in any order, wrong frees
 * refused, and at the end the lists of the start.
 */
export function pageCampaign(operations: number, seed: number): CampaignReport {
  const log = counter();
  const campaign = new PageCampaign(new Random(seed), log.console);
  for (let operation = 1; operation <= operations; operation++) {
    campaign.step(operation);
    if (operation % CHECK_EVERY === 0) mustBeClean(campaign.kernel, operation);
  }
  campaign.finish(operations);
  mustBeClean(campaign.kernel, operations);
  must(log.count() === campaign.counts.refused, "messages for calls that were right", operations);
  return { operations, ...campaign.counts };
}
