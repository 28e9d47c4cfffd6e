// Corrupts debugged heaps byte by byte, and works on others without a mistake:
// `npm run test:debug -- [corruptions] [clean operations] [seed]`.
import "../../setup.ts";
import { argv, stdout } from "node:process";

// Only after the set-up above: the library reads it when it is first imported.
const { badFrees } = await import("./bad-frees.ts");
const { CleanProgram } = await import("./clean.ts");
const { cleanThreads } = await import("./clean-threads.ts");
const { CorruptionCampaign, CorruptionTotals } = await import("./corruption.ts");

/** Cases between two lines of progress. */
const PROGRESS_CASES = 1000;
/** Misses that are listed. */
const LISTED = 20;
/** The part of the clean operations that two threads do. */
const THREADED_SHARE = 1 / 4;

const [corruptions = 10_000, cleanOperations = 10_000_000, seed = Date.now() % 1000] = argv.slice(2).map(Number);

function corrupt(): number {
  const campaign = new CorruptionCampaign(seed);
  const totals = new CorruptionTotals();
  for (let number = 0; number < corruptions; number++) {
    totals.add(campaign.run(number));
    if ((number + 1) % PROGRESS_CASES === 0) stdout.write(`${number + 1} corruptions\n`);
  }
  const findings = campaign.findings();
  stdout.write(`${totals.text}\n${totals.missed.length} missed, ${findings.length} left unrepaired\n`);
  for (const one of totals.missed.slice(0, LISTED)) stdout.write(`${JSON.stringify(one)}\n`);
  return totals.missed.length + findings.length;
}

async function workCleanly(): Promise<number> {
  const alone = new CleanProgram(seed).run(Math.ceil(cleanOperations * (1 - THREADED_SHARE)));
  const threaded = await cleanThreads(cleanOperations * THREADED_SHARE);
  let faults = 0;
  for (const [name, { operations, reports, findings }] of [
    ["one thread", alone],
    ["two threads", threaded],
  ] as const) {
    stdout.write(`${name}: ${operations} operations, ${reports.length} reports, ${findings.length} findings\n`);
    for (const text of reports.slice(0, LISTED)) stdout.write(`${text}\n`);
    faults += reports.length + findings.length;
  }
  return faults;
}

function freeBadly(): number {
  const accepted = badFrees(corruptions, seed);
  stdout.write(`not debugged: ${corruptions} bad frees, ${accepted.length} not refused\n`);
  for (const text of accepted.slice(0, LISTED)) stdout.write(`${text}\n`);
  return accepted.length;
}

stdout.write(`seed ${seed}\n`);
const faults = corrupt() + freeBadly() + (await workCleanly());
process.exitCode = faults === 0 ? 0 : 1;
