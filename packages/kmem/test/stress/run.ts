// `npm run test:stress [-- --seconds N --threads N --seed N]`: threads at one heap, in every configuration in turn,
// over and over for as long as asked. `--only TEXT` takes the configurations whose names begin so.
import "../setup.ts";
import { stdout } from "node:process";
import { parseArgs } from "node:util";
import type { StressSummary } from "./stress.ts";

// Only after the set-up above: the library reads it when it is first imported.
const { CONFIGURATIONS } = await import("./configuration.ts");
const { runStress } = await import("./stress.ts");

/** The longest that one heap is worked on: a long run sees many heaps, each with a seed of its own. */
const SLICE_SECONDS_MAX = 30;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    threads: { type: "string", default: "4" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    only: { type: "string", default: "" },
  },
});

function numberOf(name: "seconds" | "threads" | "seed", least: number): number {
  const value = Number(values[name]);
  if (value >= least) return value;
  throw new RangeError(`--${name} is a number from ${least}, not "${values[name]}"`);
}

const totalSeconds = numberOf("seconds", 1);
const threads = numberOf("threads", 1);
const firstSeed = numberOf("seed", 0);
const configurations = CONFIGURATIONS.filter(({ name }) => name.startsWith(values.only));
if (configurations.length === 0) throw new RangeError(`no configuration's name begins with "${values.only}"`);

function describe(summary: StressSummary): string {
  const { seconds, operations, frees, foreignFrees, checks, outOfMemory, growths, attaches } = summary;
  const { waits, waitsServed, shrinks, refusals, duels, lateDoubleFrees } = summary;
  const share = frees > 0 ? Math.round((100 * foreignFrees) / frees) : 0;
  return [
    `${seconds.toFixed(1)} s, ${operations} operations, ${frees} frees (${share} % on another thread)`,
    `${checks} checks`,
    `${outOfMemory} times out of memory, ${growths} growths, ${attaches} attaches`,
    `${waits} waits (${waitsServed} served), ${shrinks} pieces shrunk`,
    `${refusals} refusals, ${duels} duels, ${lateDoubleFrees} double frees found late`,
  ].join(", ");
}

function sumOf(summaries: readonly StressSummary[]): StressSummary {
  const [first, ...others] = summaries;
  const names = Object.keys(first) as (keyof StressSummary)[];
  const sums = names.map((name) => [name, others.reduce((sum, other) => sum + other[name], first[name])]);
  return Object.fromEntries(sums) as StressSummary;
}

stdout.write(`stress: ${threads} threads for ${totalSeconds} s, first seed ${firstSeed}\n`);
const endMs = performance.now() + totalSeconds * 1000;
const seconds = Math.min(SLICE_SECONDS_MAX, totalSeconds / configurations.length);
const summaries: StressSummary[] = [];
let seed = firstSeed;
let isFaultless = true;
do {
  for (const configuration of configurations) {
    try {
      const summary = await runStress(configuration, { seconds, threads, seed });
      summaries.push(summary);
      stdout.write(`  ${configuration.name}, seed ${seed}: ${describe(summary)}\n`);
    } catch (error) {
      isFaultless = false;
      const cause = error instanceof Error && error.cause instanceof Error ? `\n${error.cause.stack}` : "";
      stdout.write(`  FAULT in ${error instanceof Error ? error.message : String(error)}${cause}\n`);
    }
    seed++;
  }
} while (isFaultless && performance.now() < endMs);
if (summaries.length > 0) stdout.write(`in all: ${describe(sumOf(summaries))}\n`);
process.exitCode = isFaultless ? 0 : 1;
