import { Random } from "../../../kmem/test/support/random.ts";
import { type Mutant, mutate } from "./mutate.ts";
import { isTyped, type Reader, readers } from "./readers.ts";
import { type Scene, scenes } from "./scenes.ts";
import type { StepBudget } from "./steps.ts";

/** What became of one dump. */
export interface DumpCase {
  readonly number: number;
  readonly name: string;
  /** What is wrong, by reader; empty where all is well. */
  readonly faults: readonly string[];
  /** Readers that ended, and those that refused the dump. */
  readonly read: number;
  readonly refused: number;
  readonly ms: number;
}

const SEEDS_APART = 1_000_000;
/** Steps that any reader may take, times those of a sound dump, and for each page that the dump claims. */
const STEPS_MIN = 1_000_000;
const STEPS_FACTOR = 20;
const STEPS_PER_PAGE = 3000;
/** Characters that a reader may print, times those for a sound dump, and for each byte of the dump. */
const TEXT_MIN = 4_000_000;
const TEXT_FACTOR = 20;

// Everything but a line feed and a tab that is not for printing: what a terminal may take for a command.
const UNPRINTABLE = /[^\P{Cc}\n\t]|\p{Cf}|\p{Cs}/u;

/** Gives mutated dumps to every reader. */
export class DumpCampaign {
  readonly #scenes: readonly Scene[] = scenes();
  readonly #readers: readonly (readonly Reader[])[];
  readonly #budget: StepBudget;
  readonly #seed: number;
  readonly #steps = new Map<Reader, number>();
  readonly #chars = new Map<Reader, number>();

  constructor(budget: StepBudget, seed: number, folder: string) {
    this.#budget = budget;
    this.#seed = seed;
    this.#readers = readers(folder);
  }

  /** Reads the sound dumps: what that takes is what others are measured by. */
  async prepare(): Promise<void> {
    for (const { dump } of this.#scenes) {
      for (const reader of this.#readers.flat()) {
        this.#budget.begin(Number.MAX_SAFE_INTEGER);
        const text = await reader.read(dump).catch((error: unknown) => {
          if (!isTyped(error)) throw error;
          return "";
        });
        this.#steps.set(reader, Math.max(this.#budget.taken, this.#steps.get(reader) ?? 0));
        this.#chars.set(reader, Math.max(text.length, this.#chars.get(reader) ?? 0));
      }
    }
  }

  async run(number: number): Promise<DumpCase> {
    this.#budget.begin(Number.MAX_SAFE_INTEGER);
    const random = new Random(this.#seed * SEEDS_APART + number);
    const mutant = mutate(this.#scenes, random);
    const startMs = performance.now();
    const faults: string[] = [];
    let refused = 0;
    for (const variants of this.#readers) {
      const reader = random.pick(variants);
      const verdict = await this.#judge(reader, mutant);
      if (verdict === "refused") refused++;
      else if (verdict !== "read") faults.push(`${reader.name}: ${verdict}`);
    }
    const read = this.#readers.length - refused - faults.length;
    return { number, name: mutant.name, faults, read, refused, ms: performance.now() - startMs };
  }

  async #judge(reader: Reader, { dump, claimedPages }: Mutant): Promise<string> {
    const steps = STEPS_MIN + STEPS_FACTOR * (this.#steps.get(reader) ?? 0) + STEPS_PER_PAGE * claimedPages;
    this.#budget.begin(steps);
    try {
      const text = await reader.read(dump);
      if (this.#budget.isExceeded) return `more than ${steps} steps`;
      if (UNPRINTABLE.test(text)) return "printed what a terminal takes for a command";
      const most = TEXT_MIN + TEXT_FACTOR * ((this.#chars.get(reader) ?? 0) + dump.length);
      return text.length > most ? `printed ${text.length} characters` : "read";
    } catch (error) {
      if (this.#budget.isExceeded) return `more than ${steps} steps: ${stackOf(error)}`;
      return isTyped(error) ? "refused" : stackOf(error);
    }
  }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const inner = error.cause instanceof Error ? error.cause : error;
  return (inner.stack ?? inner.message).split("\n").slice(0, 6).join("\n    ");
}
