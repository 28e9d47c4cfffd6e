import { describe, expect, it } from "vitest";
import { CONFIGURATIONS, type Configuration } from "./configuration.ts";
import { StressFault } from "./holder.ts";
import { SABOTAGES, type Sabotage } from "./sabotage.ts";
import { runStress } from "./stress.ts";

/** About a minute for all configurations together; `npm run test:stress` goes on for longer. */
const SECONDS = 4;
const THREADS = 4;
const TIMEOUT_MS = 120_000;

describe.each(CONFIGURATIONS)("threads at one heap: $name", (configuration) => {
  it("find every block as they left it, and leave the heap as it was when new", { timeout: TIMEOUT_MS }, async () => {
    const summary = await runStress(configuration, { seconds: SECONDS, threads: THREADS, seed: 7 });
    expect(summary.frees).toBe(summary.allocations);
    expect(summary.operations).toBeGreaterThan(5000);
    expect(summary.foreignFrees / summary.frees).toBeGreaterThan(configuration.waits ? 0.05 : 0.15);
    expect(summary.checks).toBeGreaterThan(1);
    expect(summary.attaches).toBeGreaterThanOrEqual(THREADS);
    expect(summary.growths > 0).toBe((configuration.heap.maximumBytes ?? 0) > (configuration.heap.sizeBytes ?? 0));
    if (configuration.leavePercent > 20) expect(summary.attaches).toBeGreaterThan(THREADS);
    if (configuration.waits) {
      expect(summary.outOfMemory).toBeGreaterThan(10);
      expect(summary.waitsServed).toBeGreaterThan(0);
    }
    if (configuration.misuse) {
      expect(summary.refusals).toBeGreaterThan(100);
      expect(summary.duels).toBeGreaterThan(0);
    }
  });
});

const MISUSE = CONFIGURATIONS.find(({ name }) => name === "misuse") as Configuration;

/** What a heap broken on purpose makes the stress say. */
const COMPLAINTS: Readonly<Record<Sabotage, RegExp>> = {
  "hands a block out twice": /has changed|was handed out to|cannot free|no live block|the threads hold/,
  "loses a freed block": /live blocks|was not refused/,
  "loses a freed page": /pages in runs/,
  "hands out too little": /has changed|instead of|nobody's|lost its constructed/,
  "does not clear": /calloc left byte/,
  "does not keep what is moved": /realloc of|has changed/,
  "accepts a double free": /a second free of .* was not refused/,
  "frees nothing at the end": /alloc after detach/,
  "does not lock": /has failed: |nothing has moved|is not as it was when new/,
  "locks for ever": /nothing has moved for 4 s[\s\S]*thread 1: /,
};

describe("the stress", () => {
  it.each(SABOTAGES)("finds a heap that %s", { timeout: TIMEOUT_MS }, async (sabotage) => {
    const steady = { leavePercent: 0, reattachPercent: 0 };
    const broken = { ...MISUSE, ...steady, name: sabotage, roundOperations: 2000, sabotage };
    // Nobody detaches before the end; everything else has to be found long before.
    const seconds = sabotage === "frees nothing at the end" ? 0.5 : 60;
    const options = { seconds, threads: 2, seed: 3, watchdogMs: 4000 };
    const error: unknown = await runStress(broken, options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StressFault);
    expect((error as StressFault).message).toMatch(COMPLAINTS[sabotage]);
  });

  it("ends without a fault where nothing is broken, with any number of threads", { timeout: TIMEOUT_MS }, async () => {
    const sound = { ...MISUSE, roundOperations: 2000 };
    for (const threads of [1, 2, 3]) {
      const summary = await runStress(sound, { seconds: 0.5, threads, seed: 3 });
      expect(summary.checks).toBeGreaterThan(0);
    }
  });
});
