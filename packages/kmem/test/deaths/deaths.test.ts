import { afterAll, describe, expect, it } from "vitest";
import { checkHeap } from "../../src/index.ts";
import { ALL_OPERATIONS } from "./all-operations.ts";
import { type DeathReport, killEverywhere } from "./campaign.ts";
import { killInCore } from "./core-deaths.ts";
import { mortalKmem } from "./kmem.ts";
import { live } from "./mortal.ts";
import { faultText, reportLine, Totals } from "./report.ts";
import { type StorePlace, storePlaces, UNREACHED } from "./store-places.ts";
import { type Operation, World } from "./world.ts";

/** Of the pairs of points, one in so many, and each place of the recovery once; `run.ts` tries all. */
const PAIR_STRIDE = 8009;
/** Of the points at places that another operation has been to, one in so many. */
const POINT_STRIDE = 151;
/** Stores up to which a victim is killed after every one of them here. */
const LONG_LIFE = 30;

const kmem = mortalKmem();
const totals = new Totals();
const lines: string[] = [];
afterAll(() => console.log([...lines, totals.text].join("\n")));

function kill(operation: Operation): DeathReport {
  const startMs = performance.now();
  const report = killEverywhere(kmem, operation, {
    pairStride: PAIR_STRIDE,
    longLife: LONG_LIFE,
    pointStride: POINT_STRIDE,
    seen: totals,
  });
  totals.add(report);
  lines.push(reportLine(report, performance.now() - startMs));
  return report;
}

describe("a thread that dies after any of its stores loses nothing, nor does one that dies while it recovers", () => {
  it.each(ALL_OPERATIONS.map((operation) => [operation.name, operation] as const))("%s", (_, operation) => {
    const { faults, deaths } = kill(operation);
    expect(faults.map(faultText).join("\n")).toBe("");
    expect(deaths).toBeGreaterThan(1);
  });

  it("nor one within the malloc that was merged into a program, at any of its stores", () => {
    const deaths = killInCore(kmem);
    expect(deaths.flatMap(({ name, problems }) => problems.map((problem) => `${name}, ${problem}`))).toEqual([]);
    const stores = Object.fromEntries(deaths.map((one) => [one.name, one.stores]));
    expect(stores).toMatchObject({ malloc: 2, calloc: 10, aligned_alloc: 2, "realloc: a block moves": 6 });
    expect(stores).toMatchObject({ "free: into the sheaf": 3, "free: into the remote sheaf": 3 });
  });

  it("and every store of the layers is one of those points, but for those that are named", () => {
    const reached = new Set([...totals.places, ...totals.reaperPlaces].map((place) => place.replace(/:\d+$/, "")));
    const missing = storePlaces().filter(({ place }) => !reached.has(place));
    const isNamed = ({ place, line }: StorePlace): boolean =>
      UNREACHED.some(({ file, text = "" }) => place.startsWith(`${file}:`) && line.includes(text));
    expect(missing.filter((store) => !isNamed(store))).toEqual([]);
    // What is named and reached after all need not be named.
    const isMissing = ({ file, text = "" }: (typeof UNREACHED)[number]): boolean =>
      missing.some(({ place, line }) => place.startsWith(`${file}:`) && line.includes(text));
    expect(UNREACHED.filter((one) => !isMissing(one))).toEqual([]);
  });

  it("would be found out: most deaths leave a heap that is not whole", () => {
    const operation = ALL_OPERATIONS.find(({ name }) => name === "alloc: a slab is made") as Operation;
    const world = new World(kmem, operation);
    let torn = 0;
    for (let storesMade = 1; ; storesMade++) {
      const { threads, prepared } = world.begin();
      if (!live(kmem.library.runtime, operation.operate(threads, prepared), storesMade).isKilled) break;
      if (!checkHeap(threads.survivor).isClean) torn++;
    }
    expect(torn).toBeGreaterThan(20);
  });
});
