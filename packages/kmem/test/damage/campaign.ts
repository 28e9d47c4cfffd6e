import { threadCpuUsage } from "node:process";
import { openDump, writeDump } from "../../src/memory/dump.ts";
import { Random } from "../support/random.ts";
import { corrupt, type Hit, partsOf } from "./corrupt.ts";
import { type Scene, scenes } from "./scenes.ts";
import { judgeDump, judgeLive, type Outcome, type Verdict } from "./verdict.ts";

/** One damaged heap and what became of it. */
export interface Case extends Verdict {
  readonly number: number;
  readonly scene: string;
  readonly hits: readonly Hit[];
  /** Of this thread: how long it had to wait for a processor says nothing. */
  readonly cpuMs: number;
}

/** Seeds of two campaigns never meet. */
const SEEDS_APART = 1_000_000;
const US_PER_MS = 1000;

/** Damages heaps at random, each by a number, and judges check and repair: a dump or a heap in use, in turns. */
export class DamageCampaign {
  readonly #scenes: readonly Scene[] = scenes();
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  run(number: number): Case {
    const random = new Random(this.#seed * SEEDS_APART + number);
    const scene = random.pick(this.#scenes);
    const opened = openDump(scene.dump);
    const bytes = new Uint8Array(opened.byteLength);
    opened.copyTo(bytes);
    const hits = corrupt(bytes, partsOf(bytes), random);
    const cpuBefore = threadCpuUsage();
    const isLive = random.below(2) === 0;
    const verdict = isLive
      ? judgeLive(scene, (memory) => writeHits(memory, bytes, hits), hits)
      : judgeDump(scene, writeDump(bytes, opened.start), hits);
    const name = `${scene.name}, ${isLive ? "in use" : "dumped"}`;
    return { ...verdict, number, scene: name, hits, cpuMs: cpuMsSince(cpuBefore) };
  }
}

function cpuMsSince(before: ReturnType<typeof threadCpuUsage>): number {
  const { user, system } = threadCpuUsage(before);
  return (user + system) / US_PER_MS;
}

function writeHits(memory: Uint8Array, damaged: Uint8Array, hits: readonly Hit[]): void {
  for (const { start, end } of hits) memory.set(damaged.subarray(start, end), start);
}

/** A case in a line. */
export function caseText({ number, scene, hits, outcome, text }: Case): string {
  const places = hits.map(({ part, start, end }) => `${part} [0x${start.toString(16)}, 0x${end.toString(16)})`);
  return `${number}: ${scene}: ${places.join(", ")}: ${outcome}: ${text}`;
}

/** How many cases had each outcome, by the part that was hit, and the longest of them. */
export class DamageTotals {
  readonly counts = new Map<Outcome, number>();
  readonly parts = new Map<string, number>();
  longestCpuMs = 0;

  add({ outcome, hits, cpuMs }: Case): void {
    this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1);
    for (const { part } of hits) this.parts.set(part, (this.parts.get(part) ?? 0) + 1);
    this.longestCpuMs = Math.max(this.longestCpuMs, cpuMs);
  }

  get faults(): number {
    return this.counts.get("fault") ?? 0;
  }

  get text(): string {
    const list = (map: ReadonlyMap<string, number>): string => [...map].map(([key, n]) => `${n} ${key}`).join(", ");
    return `${list(this.counts)}; hits: ${list(this.parts)}; the longest took ${Math.round(this.longestCpuMs)} ms`;
  }
}
