import { layersOf } from "../../src/heap/access.ts";
import { call } from "../interleave/call.ts";
import type { Kmem } from "../interleave/scenarios/kmem.ts";
import { functionsOf, REAPER } from "./modules.ts";
import { type LivenessBeacon, live } from "./mortal.ts";
import { verdictOf } from "./verdict.ts";
import { type Operation, World } from "./world.ts";

/** A death, or two, after which something was wrong. */
export interface Fault {
  readonly operation: string;
  readonly storesMade: number;
  readonly place: string;
  /** Of the thread that recovered, where that one was killed too. */
  readonly reaperStoresMade?: number;
  readonly reaperPlace?: string;
  readonly problems: readonly string[];
}

export interface DeathReport {
  readonly operation: string;
  /** Stores that the victim makes when it lives. */
  readonly stores: number;
  /** Points at which it was killed. */
  readonly deaths: number;
  /** Pairs of points at which the victim, and then the thread that recovered, were killed. */
  readonly doubleDeaths: number;
  /** Places in the sources after whose store a victim died, and a thread that recovered. */
  readonly places: ReadonlySet<string>;
  readonly reaperPlaces: ReadonlySet<string>;
  readonly faults: readonly Fault[];
}

/** Places in the sources after whose store a thread has died. */
export type SeenPlaces = Pick<DeathReport, "places" | "reaperPlaces">;

export interface DeathOptions {
  /** Of the pairs of points that differ in kind, one in so many is tried, and every place once; 0: none. */
  readonly pairStride: number;
  /** Up to so many stores a victim is killed after each; of longer lives at unlike points. Default: all */
  readonly longLife?: number;
  /** Of a victim's points at places that are in `seen`, one in so many is tried, its first and its last among them. */
  readonly pointStride?: number;
  /** Places at which victims, and threads that recover, have died in other operations. Default: none is known. */
  readonly seen?: SeenPlaces;
  readonly faultLimit?: number;
}

const NOTHING_SEEN: SeenPlaces = { places: new Set(), reaperPlaces: new Set() };

/** A loop is left at its first stores, and at its last: those in between are alike. */
const ALIKE_LIMIT = 3;

/** Kills the victim after each of its stores, and the thread that recovers from that after those of its own. */
export function killEverywhere(kmem: Kmem, operation: Operation, options: DeathOptions): DeathReport {
  return new Campaign(kmem, operation, options).run();
}

class Campaign {
  readonly #kmem: Kmem;
  readonly #operation: Operation;
  readonly #pairStride: number;
  readonly #longLife: number;
  readonly #faultLimit: number;
  readonly #pointStride: number;
  readonly #seen: SeenPlaces;
  readonly #world: World;
  readonly #faults: Fault[] = [];
  readonly #places = new Set<string>();
  readonly #reaperPlaces = new Set<string>();
  #doubleDeaths = 0;
  #pairs = 0;

  constructor(
    kmem: Kmem,
    operation: Operation,
    {
      pairStride,
      longLife = Number.POSITIVE_INFINITY,
      pointStride = 1,
      seen = NOTHING_SEEN,
      faultLimit = 10,
    }: DeathOptions,
  ) {
    this.#kmem = kmem;
    this.#operation = operation;
    this.#pairStride = pairStride;
    this.#longLife = longLife;
    this.#faultLimit = faultLimit;
    this.#pointStride = pointStride;
    this.#seen = seen;
    this.#world = new World(kmem, operation);
  }

  run(): DeathReport {
    const whole = this.#liveAndDie();
    if (whole.error !== undefined) throw whole.error;
    const { storeSites } = whole;
    const isLong = storeSites.length > this.#longLife;
    const all = isLong ? distinctPoints(storeSites) : storeSites.map((_, index) => index + 1);
    const points = this.#thinned(all, storeSites);
    for (const storesMade of points) {
      if (this.#isEnough) break;
      const place = this.#place(this.#liveAndDie(storesMade));
      this.#places.add(place);
      this.#judge({ storesMade, place });
    }
    if (this.#pairStride > 0) {
      const unlike = new Set(distinctPoints(storeSites));
      const pairPoints = points.filter((storesMade) => unlike.has(storesMade));
      for (const storesMade of this.#thinned(pairPoints, storeSites)) this.#killReapers(storesMade);
    }
    return {
      operation: this.#operation.name,
      stores: storeSites.length,
      deaths: points.length,
      doubleDeaths: this.#doubleDeaths,
      places: this.#places,
      reaperPlaces: this.#reaperPlaces,
      faults: this.#faults,
    };
  }

  /** Leaves out points at places that other operations have been to, but for one in so many. */
  #thinned(points: readonly number[], storeSites: readonly number[]): readonly number[] {
    if (this.#pointStride === 1) return points;
    return points.filter((storesMade, index) => {
      if (index % this.#pointStride === 0 || index === points.length - 1) return true;
      return !this.#seen.places.has(this.#kmem.library.place(storeSites[storesMade - 1] ?? -1));
    });
  }

  get #isEnough(): boolean {
    return this.#faults.length >= this.#faultLimit;
  }

  /** The victim's beacon, up to so many stores. */
  #liveAndDie(storesMade?: number): LivenessBeacon {
    const { threads, prepared } = this.#world.begin();
    return live(this.#kmem.library.runtime, this.#operation.operate(threads, prepared), storesMade);
  }

  /** The life of the thread that recovers, up to so many stores. */
  #recover(storesMade?: number): LivenessBeacon {
    const beacon = live(this.#kmem.library.runtime, this.#recovery(), storesMade);
    if (!beacon.isKilled && beacon.error !== undefined) throw beacon.error;
    return beacon;
  }

  *#recovery(): Generator<unknown, void> {
    const { threads, prepared } = this.#world.current;
    yield* call(functionsOf(threads, REAPER), "reapSlot", threads.reaper, threads.victim.slot);
    const more = this.#operation.recover?.(threads, prepared);
    if (more !== undefined) yield* { [Symbol.iterator]: () => more };
  }

  /** Kills the thread that recovers from a death of the victim at one point, at all points of its own. */
  #killReapers(storesMade: number): void {
    const place = this.#place(this.#liveAndDie(storesMade));
    const { storeSites } = this.#recover();
    for (const reaperStoresMade of distinctPoints(storeSites)) {
      if (this.#isEnough) return;
      const next = this.#kmem.library.place(storeSites[reaperStoresMade - 1] ?? -1);
      const isNew = !this.#reaperPlaces.has(next) && !this.#seen.reaperPlaces.has(next);
      if (this.#pairs++ % this.#pairStride !== 0 && !isNew) continue;
      this.#liveAndDie(storesMade);
      const reaperPlace = this.#place(this.#recover(reaperStoresMade));
      this.#reaperPlaces.add(reaperPlace);
      this.#doubleDeaths++;
      const { survivor, reaper } = this.#world.current.threads;
      layersOf(survivor).slots.markDead(reaper.slot, layersOf(reaper).sync.generation);
      this.#judge({ storesMade, place, reaperStoresMade, reaperPlace });
    }
  }

  #judge(fault: Omit<Fault, "problems" | "operation">): void {
    const problems = this.#problems();
    if (problems.length > 0) this.#faults.push({ operation: this.#operation.name, ...fault, problems });
  }

  #problems(): string[] {
    try {
      return verdictOf(this.#world, this.#world.current);
    } catch (error) {
      return [`threw ${error instanceof Error ? error.stack : String(error)}`];
    }
  }

  #place({ storeSites }: LivenessBeacon): string {
    return this.#kmem.library.place(storeSites.at(-1) ?? -1);
  }
}

/** Numbers of stores, of which a place in the sources has its first ones and its last. */
function distinctPoints(storeSites: readonly number[]): number[] {
  const seen = new Map<number, number>();
  const points: number[] = [];
  for (const [index, site] of storeSites.entries()) {
    const count = (seen.get(site) ?? 0) + 1;
    seen.set(site, count);
    if (count <= ALIKE_LIMIT || storeSites.lastIndexOf(site) === index) points.push(index + 1);
  }
  return points;
}
