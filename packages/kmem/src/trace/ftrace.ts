import {
  type Checks,
  readFields,
  requireAmount,
  requireCount,
  requireFunctions,
  requireInt32,
  requireUint32,
} from "../memory/arguments.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { MAX_ORDER } from "../pages/layout.ts";
import { TRACE_KIND_NAMES, TraceKind } from "./layout.ts";
import type { TraceEvent } from "./reader.ts";

/** What stands in a trace for the numbers of its events. */
export interface TraceNames {
  /** Name and number of the thread with a slot, as a kernel has them of a task; names have up to 15 characters. */
  task(slot: number): { readonly name: string; readonly pid: number };
  /** The cache whose frames are of that kind. */
  cache(kind: number): string;
  /** Where a call was made: `function+0x1/0x2`. `id` is not 0. */
  callSite(id: number): string;
  /** A gfp_mask in words. */
  gfp(mask: number): string;
  /** Address of the page descriptor of a frame: the kernel's struct page. */
  page(frame: number): number;
}

/** What a trace says about itself. */
export interface TraceFigures {
  /** Events that follow. */
  readonly shownCount: number;
  /** Events that were lost before the first of them. */
  readonly lostCount: number;
  /** Threads that the heap has room for: ftrace's count of CPUs. */
  readonly slotCount: number;
}

const NAME_CALLS: readonly (keyof TraceNames)[] = ["task", "cache", "callSite", "gfp", "page"];
const TASK_CHARS = 16;
const PID_CHARS = 7;
const CPU_DIGITS = 3;
const SECOND_CHARS = 5;
const MICROSECOND_DIGITS = 6;
const US_PER_SECOND = 1_000_000;
const POINTER_DIGITS = 16;
const HEX = 16;
/** Neither interrupts nor preemption: kmem knows neither. */
const LATENCY = ".....";
/** The kernel's MIGRATE_UNMOVABLE: nothing here is ever moved. */
const MIGRATE_TYPE = 0;

/** The columns' titles, where readers of traces look for how many letters of latency there are. */
const COLUMNS: readonly string[] = [
  "#                                _-----=> irqs-off/BH-disabled",
  "#                               / _----=> need-resched",
  "#                              | / _---=> hardirq/softirq",
  "#                              || / _--=> preempt-depth",
  "#                              ||| / _-=> migrate-disable",
  "#                              |||| /     delay",
  "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION",
  "#              | |         |   |||||     |         |",
];

const FIGURE_CHECKS: Checks<TraceFigures> = {
  shownCount: requireCount,
  lostCount: requireCount,
  slotCount: requireCount,
};

const EVENT_CHECKS: Checks<TraceEvent> = {
  number: requireCount,
  kind: requireUint32,
  slot: requireInt32,
  timeUs: requireAmount,
  callSite: requireUint32,
  ptr: requireUint32,
  bytesReq: requireUint32,
  bytesAlloc: requireUint32,
  gfp: requireUint32,
  node: requireInt32,
  name: requireUint32,
};

/**
 * What stands before the first event in the kernel's trace file, and how many were lost. Ends with a line feed. Throws
 * BAD_ARGUMENT.
 */
export function ftraceHeader(figures: TraceFigures): string {
  const { shownCount, lostCount, slotCount } = readFields("figures", figures, FIGURE_CHECKS);
  const lost = lostCount > 0 ? [`CPU:0 [LOST ${lostCount} EVENTS]`] : [];
  const entries = `# entries-in-buffer/entries-written: ${shownCount}/${shownCount + lostCount}   #P:${slotCount}`;
  return `${["# tracer: nop", "#", entries, "#", ...COLUMNS, ...lost].join("\n")}\n`;
}

/**
 * An event as the kernel's trace file has it, with a line feed at the end. Slots stand where the kernel has processors.
 * Pages are more than one line where their number is no power of two: a block of the kernel's has 2^order pages, and
 * begins at a multiple of its size. Throws BAD_ARGUMENT.
 */
export function ftraceText(traceEvent: TraceEvent, names: TraceNames): string {
  const event = readFields("event", traceEvent, EVENT_CHECKS);
  requireFunctions("names", names, NAME_CALLS);
  const { name, pid } = names.task(event.slot);
  const task = `${name.padStart(TASK_CHARS)}-${String(pid).padEnd(PID_CHARS)}`;
  const cpu = `[${String(event.slot).padStart(CPU_DIGITS, "0")}]`;
  const seconds = String(Math.floor(event.timeUs / US_PER_SECOND)).padStart(SECOND_CHARS);
  const microseconds = String(event.timeUs % US_PER_SECOND).padStart(MICROSECOND_DIGITS, "0");
  const context = `${task} ${cpu} ${LATENCY} ${seconds}.${microseconds}: ${TRACE_KIND_NAMES[event.kind]}: `;
  return fieldTexts(event, names)
    .map((fields) => `${context}${fields}\n`)
    .join("");
}

function fieldTexts(event: TraceEvent, names: TraceNames): readonly string[] {
  const { kind, callSite, ptr, bytesReq, bytesAlloc, gfp, node } = event;
  if (kind === TraceKind.PAGE_ALLOC || kind === TraceKind.PAGE_FREE) return pageTexts(event, names);
  const site = `call_site=${callSite === 0 ? "0x0" : names.callSite(callSite)} ptr=${pointer(ptr)}`;
  const sizes = `bytes_req=${bytesReq} bytes_alloc=${bytesAlloc}`;
  const rest = `gfp_flags=${names.gfp(gfp)} node=${node} accounted=false`;
  if (kind === TraceKind.KMALLOC) return [`${site} ${sizes} ${rest}`];
  if (kind === TraceKind.KFREE) return [site];
  // Kernels name the cache of an allocation since 7.2 only, but a replay can then tell caches of one size apart.
  const cache = `${site} name=${names.cache(event.name)}`;
  return [kind === TraceKind.CACHE_ALLOC ? `${cache} ${sizes} ${rest}` : cache];
}

function pageTexts({ kind, ptr, bytesAlloc, gfp }: TraceEvent, names: TraceNames): string[] {
  const rest = kind === TraceKind.PAGE_ALLOC ? ` migratetype=${MIGRATE_TYPE} gfp_flags=${names.gfp(gfp)}` : "";
  const pageCount = Math.ceil(bytesAlloc / PAGE_SIZE);
  if (ptr === 0) return [`page=${pointer(0)} pfn=0x0 order=${Math.ceil(Math.log2(Math.max(1, pageCount)))}${rest}`];
  return pageBlocks(Math.floor(ptr / PAGE_SIZE), pageCount).map(
    ({ frame, order }) => `page=${pointer(names.page(frame))} pfn=0x${frame.toString(HEX)} order=${order}${rest}`,
  );
}

/** The fewest blocks of the kernel's kind that some pages are made of. O(blocks). */
export function pageBlocks(first: number, pageCount: number): { readonly frame: number; readonly order: number }[] {
  const blocks: { readonly frame: number; readonly order: number }[] = [];
  const end = first + pageCount;
  for (let frame = first; frame < end; ) {
    let order = 0;
    while (order < MAX_ORDER && frame % 2 ** (order + 1) === 0 && frame + 2 ** (order + 1) <= end) order++;
    blocks.push({ frame, order });
    frame += 2 ** order;
  }
  return blocks;
}

function pointer(address: number): string {
  return address.toString(HEX).padStart(POINTER_DIGITS, "0");
}
