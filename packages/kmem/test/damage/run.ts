import "../setup.ts";
import { argv } from "node:process";
const { DamageCampaign, caseText } = await import("./campaign.ts");
const count = Number(argv[2] ?? 100), seed = Number(argv[3] ?? 1), from = Number(argv[4] ?? 0);
const c = new DamageCampaign(seed);
const tally = new Map<string, number>();
let slow = 0;
for (let n = from; n < from + count; n++) {
  const r = c.run(n);
  slow = Math.max(slow, r.ms);
  tally.set(r.outcome, (tally.get(r.outcome) ?? 0) + 1);
  if (r.outcome === "fault") console.log(caseText(r));
}
console.log(Object.fromEntries(tally), slow);
