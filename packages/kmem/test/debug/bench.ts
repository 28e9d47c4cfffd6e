import { type BugReport, DebugHeap, type DebugHeapOptions } from "../../src/debug/index.ts";
import { MIB } from "../support/memories.ts";

/** A report with what differs from run to run replaced: its stacks and ages. */
export function steadyText(report: BugReport): string {
  return report.text(() => "at caller").replaceAll(/ age=\d+ /g, " age=0 ");
}

/** Addresses further away belong to something else. */
const NEAR_BYTES = 100_000;

/** A text whose addresses are told from an object: `object+18`. */
export function fromObject(text: string, object: number): string {
  return text.replaceAll(/\b(?:0x([0-9a-f]{4,8})|([0-9a-f]{8})h?)\b/g, (whole, short?: string, long?: string) => {
    const offset = Number.parseInt(short ?? long ?? "", 16) - object;
    return Math.abs(offset) > NEAR_BYTES ? whole : `object${offset < 0 ? "" : "+"}${offset}`;
  });
}

/** A debugged heap, and what it reports and prints. */
export class Bench {
  readonly heap: DebugHeap;
  readonly reports: BugReport[] = [];
  readonly printed: string[] = [];

  constructor(options: DebugHeapOptions = {}) {
    this.heap = DebugHeap.create({
      sizeBytes: 4 * MIB,
      stackDepth: 1,
      report: (report) => this.reports.push(report),
      print: (message) => this.printed.push(message),
      ...options,
    });
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.heap.buffer);
  }

  /** What has been reported since the last time this was asked. */
  texts(): string[] {
    return this.reports.splice(0).map(steadyText);
  }
}
