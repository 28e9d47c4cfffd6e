import { type CheckReport, type DumpInfo, describeDump, type Heap, KmemError, PAGE_SIZE, type VmArea } from "kmem";
import { type AllocationSite, checkDump, DebugHeap, openHeap } from "kmem/debug";
import { FrameKind, RunKind, WORD_BYTES } from "kmem/layout";
import { findVmalloc } from "kmem/proc";
import { type ByteSource, readAll } from "../sources/byte-source.ts";
import { DumpModel } from "./dump-model.ts";

/** Live objects of one call site. */
export interface SiteFigures extends Omit<AllocationSite, "objects"> {
  /** Addresses of the first of them. */
  readonly addresses: readonly number[];
}

/** What was ever allocated at one call site of a debugged heap. */
export interface ChurnFigures {
  readonly stack: string;
  readonly allocCount: number;
  readonly allocBytes: number;
  readonly liveCount: number;
}

/** Who has what is live, and who allocates: what `kmem leaks` prints, of a debugged heap. */
export interface PeopleFigures {
  readonly sites: readonly SiteFigures[];
  readonly churn: readonly ChurnFigures[];
  readonly areas: readonly VmArea[];
}

/** What `kmem info` prints; `problem` says why that cannot be. */
export type InfoFigures =
  | { readonly info: DumpInfo; readonly problem: undefined }
  | { readonly info: undefined; readonly problem: string };

/** The figures of a dump, as the library gives them, as far as they have come. */
export type DumpFigures = InfoFigures & {
  /** What `kmem check` prints. */
  readonly check?: CheckReport;
  readonly people?: PeopleFigures;
  /** Whether blocks were too many to be read: then records in them are not checked. */
  readonly isWithoutBlocks: boolean;
};

/** Dumps up to this length are read whole: figures of longer ones are made without the contents of blocks. */
const WHOLE_BYTES_MAX = 2 ** 29;
const ADDRESSES_LISTED = 100;
const CHURN_LISTED = 200;

/** The figures of one dump. Throws as the library does for what is no dump. */
export class DumpReader {
  /** Whether the dump is so large that the contents of its blocks are left out. */
  readonly isWithoutBlocks: boolean;
  readonly #dump: Uint8Array;

  constructor(source: ByteSource) {
    this.isWithoutBlocks = source.byteLength > WHOLE_BYTES_MAX;
    this.#dump = this.isWithoutBlocks ? withoutBlocks(new DumpModel(source)) : readAll(source);
  }

  /** O(heap). */
  info(): InfoFigures {
    const info = attempt(() => describeDump(this.#dump));
    return info instanceof KmemError ? { info: undefined, problem: info.message } : { info, problem: undefined };
  }

  /** O(heap). */
  check(): CheckReport {
    return checkDump(this.#dump);
  }

  /** O(heap). */
  people(): PeopleFigures {
    const heap = this.isWithoutBlocks ? undefined : attempt(() => openHeap(this.#dump));
    return heap === undefined || heap instanceof KmemError ? NOBODY : peopleOf(heap);
  }
}

const NOBODY: PeopleFigures = { sites: [], churn: [], areas: [] };

/** What the library throws of a damaged heap is a result here. */
function attempt<Result>(read: () => Result): Result | KmemError {
  try {
    return read();
  } catch (error) {
    if (error instanceof KmemError) return error;
    throw error;
  }
}

function peopleOf(heap: Heap): PeopleFigures {
  const areas = attempt(() => findVmalloc(heap)?.areas() ?? []);
  const tracked = heap instanceof DebugHeap ? heap : undefined;
  const sites = attempt(() => tracked?.leaks().map(siteFigures) ?? []);
  const profile = attempt(() => tracked?.profile().samples ?? []);
  const samples = profile instanceof KmemError ? [] : profile;
  const churn = samples
    .map(({ stack, allocCount, allocBytes, liveCount }) => ({
      stack: stack
        .map(({ functionName, url, line }) => `at ${functionName || "(anonymous)"} (${url}:${line})`)
        .join("\n"),
      allocCount,
      allocBytes,
      liveCount,
    }))
    .sort((one, other) => other.allocCount - one.allocCount);
  return {
    areas: areas instanceof KmemError ? [] : areas,
    sites: sites instanceof KmemError ? [] : sites,
    churn: churn.slice(0, CHURN_LISTED),
  };
}

function siteFigures({ objects, ...site }: AllocationSite): SiteFigures {
  return { ...site, addresses: objects.slice(0, ADDRESSES_LISTED).map(({ address }) => address) };
}

/** Kinds of runs that the figures are read from; others hold what programs wrote. */
const OWN_KINDS: ReadonlySet<number> = new Set(
  [RunKind.SYSTEM, RunKind.BUCKET, RunKind.VMALLOC].flatMap((kind) => [kind, kind + 1]),
);
const DUMP_HEADER_BYTES = 20;
const RUN_BYTES = 8;
const HeadOffset = { PAGES: 12, RUNS: 16 } as const;

/** The dump without the contents of blocks and of pages that programs took: tables, and what the heap keeps itself. */
export function withoutBlocks(model: DumpModel): Uint8Array {
  const { memory, kinds, tables } = model;
  const firstPage = tables?.firstPageFrame ?? 0;
  const baseFrame = tables?.baseFrame ?? 0;
  const isKept = (page: number): boolean =>
    page >= baseFrame && (page < firstPage || OWN_KINDS.has(kinds[page] ?? FrameKind.ABSENT));
  const kept: [first: number, count: number][] = [];
  for (const [first, count] of memory.runs()) {
    for (let page = first; page < first + count; page++) {
      if (!isKept(page)) continue;
      const last = kept.at(-1);
      if (last !== undefined && last[0] + last[1] === page) last[1] += 1;
      else kept.push([page, 1]);
    }
  }
  const pageTotal = kept.reduce((sum, [, count]) => sum + count, 0);
  const headBytes = DUMP_HEADER_BYTES + kept.length * RUN_BYTES;
  const dump = new Uint8Array(headBytes + pageTotal * PAGE_SIZE);
  dump.set(memory.source.read(0, DUMP_HEADER_BYTES));
  const view = new DataView(dump.buffer);
  view.setUint32(HeadOffset.PAGES, memory.pageCount, true);
  view.setUint32(HeadOffset.RUNS, kept.length, true);
  let offset = headBytes;
  for (const [index, [first, count]] of kept.entries()) {
    view.setUint32(DUMP_HEADER_BYTES + index * RUN_BYTES, first, true);
    view.setUint32(DUMP_HEADER_BYTES + index * RUN_BYTES + WORD_BYTES, count, true);
    dump.set(memory.read(first * PAGE_SIZE, count * PAGE_SIZE), offset);
    offset += count * PAGE_SIZE;
  }
  return dump;
}

/** The share of a zone's free pages that no request of an order can be served from, for each order. */
export function unusableIndex(freeBlocksByOrder: readonly number[]): number[] {
  const pages = freeBlocksByOrder.map((count, order) => count * 2 ** order);
  const total = pages.reduce((sum, count) => sum + count, 0);
  let below = 0;
  return pages.map((count) => {
    const share = total === 0 ? 0 : below / total;
    below += count;
    return share;
  });
}

/** More marks on a map would hide it. */
const PAGES_MARKED = 5000;

/** The pages that the findings are about, the first of them. */
export function findingPages(figures: DumpFigures | undefined): number[] {
  const findings = figures?.check?.findings ?? [];
  const addresses = findings.flatMap(({ address, addresses: more = [] }) => [address, ...more]);
  return [...new Set(addresses.map((address) => Math.floor(address / PAGE_SIZE)))].slice(0, PAGES_MARKED);
}
