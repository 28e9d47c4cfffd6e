// `npm run test:campaigns`: a million random operations on every face against its plain model.
// `node packages/kmem/test/campaigns/run.ts [operations] [seed]`
import "../setup.ts";
import { argv, stdout } from "node:process";

// Only after the set-up above: the library reads it when it is first imported.
const { kmallocCampaign, pageCampaign } = await import("./atomik.ts");
const { foreignCampaign } = await import("./foreign.ts");
const { runGietCampaign } = await import("./giet.ts");
const { runLinuxCampaign } = await import("./linux.ts");
const { runMyKernelCampaign } = await import("./mykernel.ts");
const { runVmallocCampaign } = await import("./vmalloc.ts");

const operations = Number(argv[2] ?? 1_000_000);
const seed = Number(argv[3] ?? Date.now() % 1_000_000_000);

const CAMPAIGNS: readonly (readonly [string, () => unknown])[] = [
  ["atomik, kmalloc", () => kmallocCampaign(operations, seed)],
  ["atomik, pages", () => pageCampaign(operations, seed)],
  ["a memory that others grow too", () => foreignCampaign(Math.ceil(operations / 10), seed)],
  ["mykernel", () => runMyKernelCampaign({ operations, seed })],
  ["linux", () => runLinuxCampaign({ operations, seed })],
  ["giet", () => runGietCampaign({ operations, seed })],
  ["vmalloc", () => runVmallocCampaign({ operations, seed })],
];

stdout.write(`campaigns: ${operations} random operations each, seed ${seed}\n`);
let isFaultless = true;
for (const [name, run] of CAMPAIGNS) {
  const startMs = performance.now();
  try {
    const report = run();
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const text = report === undefined ? "all clean" : JSON.stringify(report);
    stdout.write(`  ${name}: ${seconds} s, ${text}\n`);
  } catch (error) {
    isFaultless = false;
    stdout.write(`  ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
}
process.exitCode = isFaultless ? 0 : 1;
