// Kills threads after every store, and those that recover from that after theirs:
// `node packages/kmem/test/deaths/run.ts [stride of pairs, 0 for none] [part of an operation's name]`
import "../setup.ts";
import { argv, stdout } from "node:process";
import { setImmediate } from "node:timers/promises";

// Only after the set-up above: the library reads it when it is first imported.
const { mortalKmem } = await import("./kmem.ts");
const { killEverywhere } = await import("./campaign.ts");
const { ALL_OPERATIONS } = await import("./all-operations.ts");
const { killInCore } = await import("./core-deaths.ts");
const { faultText, reportLine, Totals } = await import("./report.ts");

const pairStride = Number(argv[2] ?? 1);
const namePart = argv[3] ?? "";
const kmem = mortalKmem();
const totals = new Totals();
for (const operation of ALL_OPERATIONS) {
  if (!operation.name.includes(namePart)) continue;
  const startMs = performance.now();
  const report = killEverywhere(kmem, operation, { pairStride });
  totals.add(report);
  stdout.write(`${reportLine(report, performance.now() - startMs)}\n`);
  for (const fault of report.faults) stdout.write(`${faultText(fault)}\n`);
  // What a WeakRef was made for stays until the job ends: every heap of a loop that never waits.
  await setImmediate();
}
const inCore = killInCore(kmem).filter(({ name }) => name.includes(namePart));
for (const { name, stores, problems } of inCore) {
  stdout.write(`merged into a program, ${name}: ${stores} stores, ${problems.length} faults\n`);
  for (const problem of problems) stdout.write(`  ${problem}\n`);
  totals.faultCount += problems.length;
}
stdout.write(`${totals.text}\n`);
process.exitCode = totals.faultCount === 0 ? 0 : 1;
