import { openDump, writeDump } from "../../src/memory/dump.ts";
import { Random } from "../support/random.ts";
import { corrupt, type Hit, partsOf } from "./corrupt.ts";
import { type Scene, scenes } from "./scenes.ts";
import { judge, type Verdict } from "./verdict.ts";

/** One damaged dump and what became of it. */
export interface Case extends Verdict {
  readonly number: number;
  readonly scene: string;
  readonly hits: readonly Hit[];
  readonly ms: number;
}

/** Seeds of two campaigns never meet. */
const SEEDS_APART = 1_000_000;

/** Damages dumps at random, each by a number, and judges check and repair. */
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
    const startMs = performance.now();
    const verdict = judge(scene, writeDump(bytes, opened.start), hits);
    return { ...verdict, number, scene: scene.name, hits, ms: performance.now() - startMs };
  }
}

/** A case in a line. */
export function caseText({ number, scene, hits, outcome, text }: Case): string {
  const places = hits.map(({ part, start, end }) => `${part} [0x${start.toString(16)}, 0x${end.toString(16)})`);
  return `${number}, ${scene}: ${places.join(", ")}: ${outcome}: ${text}`;
}
