// Overwrites words of regions' headers and makes a correct call: `npm run test:regions -- [cases] [seed]`.
import "../setup.ts";
import process, { argv, stdout } from "node:process";

// Only after the set-up above: the library reads it when it is first imported.
const { regionDamageCampaign } = await import("./damage.ts");

const cases = Number(argv[2] ?? 100_000);
const seed = Number(argv[3] ?? Date.now() % 1_000_000_000);
/** One word in all the cases, several in a part of them. */
const RUNS = [
  { damagedWords: 1, share: 1 },
  { damagedWords: 2, share: 0.5 },
  { damagedWords: 5, share: 0.2 },
] as const;

stdout.write(`regions with overwritten header words, seed ${seed}\n`);
for (const { damagedWords, share } of RUNS) {
  const report = regionDamageCampaign(Math.ceil(cases * share), seed, damagedWords);
  const { refused, right, unnoticed, faults } = report;
  for (const fault of faults) stdout.write(`${fault}\n`);
  const counts = `${refused} refused with no byte changed, ${right} as without the damage`;
  const rest = damagedWords === 1 ? "" : `, ${unnoticed} unnoticed inside of the region`;
  const words = damagedWords === 1 ? "1 word" : `${damagedWords} words`;
  stdout.write(`${report.cases} regions, ${words} each: ${counts}${rest}; ${faults.length} faults\n`);
  if (faults.length > 0) process.exitCode = 1;
}
