// A campaign of the interleaving explorer: every scenario to its end or to `runs` runs, then random threads.
// `node packages/kmem/test/interleave/run.ts [runs] [seeds] [firstSeed] [part of a scenario's name]`
import "../setup.ts";
import { argv, stdout } from "node:process";

// Only after the set-up above: the library reads it when it is first imported.
const { runAtRandom } = await import("./explore/random-runs.ts");
const { heapCases } = await import("./scenarios/all.ts");
const { Kmem, NO_ASSERTIONS, SPIN_ONCE } = await import("./scenarios/kmem.ts");
const { lockRounds } = await import("./scenarios/locks.ts");
const { randomOperations } = await import("./scenarios/random-operations.ts");
const { failureText, reportLine } = await import("./scenarios/report.ts");
const { SMALL_RINGS, TRACE_ENTRIES, WRITE_ACCESSES, writeAndRead, writeOfTheDead } = await import(
  "./scenarios/trace.ts"
);

const runLimit = Number(argv[2] ?? 100_000);
const seeds = Number(argv[3] ?? 5_000);
const firstSeed = Number(argv[4] ?? 1);
const namePart = argv[5] ?? "";

let isFaultless = true;

function report(line: string, failure: string | undefined): void {
  stdout.write(`${line}\n${failure === undefined ? "" : `${failure}\n`}`);
  isFaultless &&= failure === undefined;
}

const whole = new Kmem({ constants: SPIN_ONCE });
const abstract = new Kmem({ areLocksAbstract: true, constants: NO_ASSERTIONS });
const rings = new Kmem({
  areLocksAbstract: true,
  entries: TRACE_ENTRIES,
  constants: { ...NO_ASSERTIONS, ...SMALL_RINGS },
});
const jobs = [
  ...(
    [
      [2, 1],
      [2, 2],
      [3, 1],
    ] as const
  ).map(([threads, rounds]) => ({
    kmem: whole,
    scenario: lockRounds(whole.library, threads, rounds) as never,
  })),
  ...Object.values(heapCases(abstract)).flatMap((cases) => cases.map(({ scenario }) => ({ kmem: abstract, scenario }))),
  ...[
    writeAndRead(rings, 1, [1, 1], 1),
    writeAndRead(rings, 1, [1, 2], 1),
    writeAndRead(rings, 1, [1, 1], 2),
    writeAndRead(rings, 2, [2, 1], 2),
    // The last one of these has made all of its accesses.
    ...Array.from({ length: WRITE_ACCESSES }, (_, accesses) => writeOfTheDead(rings, accesses, 2)),
  ].map((scenario) => ({ kmem: rings, scenario: scenario as never })),
];

for (const { kmem, scenario } of jobs as { kmem: InstanceType<typeof Kmem>; scenario: { name: string } }[]) {
  if (!scenario.name.includes(namePart)) continue;
  const startMs = performance.now();
  const found = kmem.explore(scenario as never, { runLimit });
  const [failure] = found.failures;
  report(reportLine(found, performance.now() - startMs), failure && failureText(kmem.library, failure));
}

const startMs = performance.now();
const random = runAtRandom(whole.library.runtime, (seed) => randomOperations(whole, seed), { seeds, firstSeed });
const { failure } = random;
report(
  `${random.name}: ${random.runs} runs, ${random.steps} steps, ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
  failure && `  seed ${failure.seed}\n${failureText(whole.library, failure)}`,
);
process.exitCode = isFaultless ? 0 : 1;
