import { Random } from "../support/random.ts";
import type { Ability } from "./allocator.ts";
import { ensure, ensureSame, ensureThrows, thrownCode } from "./assertions.ts";
import type { Held, Holder } from "./holder.ts";
import { RESIZE_REQUIREMENTS } from "./resize-requirements.ts";

/** A sentence that is true of every allocator that has the abilities which it needs. */
export interface Requirement {
  readonly name: string;
  readonly needs: readonly Ability[];
  run(holder: Holder): void;
}

/** Every size up to 300, steps up to 5,000, and three around every border. */
function sizesToTry(borderBytes: readonly number[]): number[] {
  const small = Array.from({ length: 300 }, (_, size) => size);
  const steps = Array.from({ length: 79 }, (_, step) => 300 + step * 60);
  return [...small, ...steps, ...borderBytes.flatMap((border) => [border - 1, border, border + 1])];
}

/** Blocks between two looks at all of them: their sum stays well below the memory. */
const LOOK_EVERY = 32;
const RANDOM_STEPS = 700;
const FILL_BYTES: readonly number[] = [1900, 20_000, 300_000];
/** Runs that are no power of two of pages leave gaps in which no other of their size fits: up to half of all. */
const LEAST_SHARE = 0.45;
const BAD_SIZES: readonly unknown[] = [Number.NaN, -1, 0.5, 2 ** 32, Number.POSITIVE_INFINITY, "16", null, true];

function allocatedOrNone(alloc: (sizeBytes: number) => number, size: number): number[] {
  try {
    return [alloc(size)];
  } catch {
    return [];
  }
}

function fillAndRecover(holder: Holder, size: number): void {
  const { allocator, adapter } = holder;
  const { blockBytes = (sizeBytes) => sizeBytes } = adapter;
  const leastBytes = allocator.capacityBytes * LEAST_SHARE;
  const addresses = holder.exhaust(size);
  ensureSame(new Set(addresses).size, addresses.length, `different addresses of blocks of ${size} bytes`);
  ensure(addresses.length * size <= allocator.capacityBytes, () => `${addresses.length} blocks of ${size} bytes`);
  ensure(addresses.length * blockBytes(size) > leastBytes, () => `only ${addresses.length} blocks of ${size} bytes`);
  const { alloc } = allocator;
  if (alloc !== undefined) {
    for (let left = adapter.spareCount ?? 0; left > 0; left--) addresses.push(...allocatedOrNone(alloc, size));
    ensureThrows(() => alloc(size), "OUT_OF_MEMORY", "alloc");
  }
  holder.ensureClean();
  for (const address of new Random(size).shuffled(addresses)) allocator.free(address);
  const again = holder.exhaust(size);
  ensure(again.length * blockBytes(size) > leastBytes, () => `only ${again.length} blocks of ${size} bytes again`);
  for (const address of again) allocator.free(address);
}

const BLOCK_REQUIREMENTS: readonly Requirement[] = [
  {
    name: "gives blocks of every size that are aligned, large enough and apart",
    needs: ["any size"],
    run: (holder) => {
      const limitBytes = holder.allocator.capacityBytes / 16;
      for (const size of holder.fit(sizesToTry(holder.adapter.borderBytes ?? [])).filter((one) => one < limitBytes)) {
        holder.take(size);
        if (holder.held.length % LOOK_EVERY > 0 && size < limitBytes / 4) continue;
        holder.ensureAllIntact();
        holder.freeAll();
      }
      holder.ensureAllIntact();
    },
  },
  {
    name: "gives size 0 a block of its own each time",
    needs: ["size 0"],
    run: (holder) => {
      const addresses = [holder.take(0), holder.take(0)].map(({ address }) => address);
      ensure(addresses[0] !== addresses[1], () => `twice ${addresses[0]}`);
      holder.ensureAllIntact();
    },
  },
  {
    name: "gives large blocks, and the whole of them",
    needs: ["any size"],
    run: (holder) => {
      const { capacityBytes } = holder.allocator;
      const shares = [64, 16, 8, 4].map((share) => Math.floor(capacityBytes / share) - 20_000);
      for (const size of holder.fit(shares)) holder.take(size);
      holder.ensureAllIntact();
    },
  },
  {
    name: "keeps all patterns through random allocs and frees",
    needs: [],
    run: (holder) => {
      const random = new Random(1);
      for (let step = 0; step < RANDOM_STEPS; step++) {
        if (random.below(5) < 2 && holder.held.length > 0) {
          const [block] = holder.held.splice(random.below(holder.held.length), 1) as [Held];
          holder.ensureIntact(block);
          holder.allocator.free(block.address);
        } else {
          const size = holder.fit([random.size(8192)])[0] ?? 1;
          const address = holder.allocator.tryAlloc(size);
          if (address !== 0) holder.hold(address, size);
        }
      }
      holder.ensureAllIntact();
      holder.freeAll(1);
    },
  },
  {
    name: "runs out of blocks, says so, and recovers",
    needs: [],
    run: (holder) => {
      const sizes = holder.fit(FILL_BYTES).filter((size) => size < holder.allocator.capacityBytes / 4);
      for (const size of sizes) fillAndRecover(holder, size);
    },
  },
  {
    name: "is as it was when everything is freed and trimmed",
    needs: [],
    run: (holder) => {
      const figures = holder.settle();
      const random = new Random(2);
      for (const limit of [64, 2000, 40_000, 300_000]) {
        for (let block = 0; block < 100; block++) {
          const size = holder.fit([random.size(limit)])[0] ?? 1;
          const address = holder.allocator.tryAlloc(size);
          if (address !== 0) holder.hold(address, size);
        }
        ensure(JSON.stringify(holder.allocator.figures()) !== JSON.stringify(figures), () => "no block is counted");
        holder.ensureAllIntact();
        holder.freeAll(limit);
        holder.allocator.trim?.();
        ensureSame(holder.allocator.figures(), figures, "figures after all is freed");
      }
    },
  },
];

const MISUSE_REQUIREMENTS: readonly Requirement[] = [
  {
    name: "refuses sizes that are none, and changes nothing",
    needs: ["refusal of sizes"],
    run: (holder) => {
      const { allocator, adapter } = holder;
      const code = adapter.codes?.size;
      const figures = allocator.figures();
      const calls = [
        (size: number) => allocator.tryAlloc(size),
        ...[allocator.alloc, allocator.alignedAlloc && ((size: number) => allocator.alignedAlloc?.(16, size))],
        ...[allocator.calloc && ((size: number) => allocator.calloc?.(size, 1))],
        ...[allocator.realloc && ((size: number) => allocator.realloc?.(0, size))],
      ].filter((call) => call !== undefined);
      for (const size of [...BAD_SIZES, undefined] as number[]) {
        for (const call of calls) {
          let address: number | undefined = 0;
          const thrown = thrownCode(() => {
            address = call(size);
          });
          ensure(thrown !== undefined || address === 0, () => `size ${size} gives ${address}`);
          if (code !== undefined) ensureSame(thrown, code, `size ${size}`);
        }
      }
      ensureSame(allocator.figures(), figures, "figures after refusals");
    },
  },
  {
    name: "refuses addresses at which no block begins, and changes nothing",
    needs: ["refusal of addresses"],
    run: (holder) => {
      const { allocator, adapter } = holder;
      const { codes = {} } = adapter;
      const [size = 100] = holder.fit([100]);
      const block = holder.take(size);
      // Others of its sort, so that it is no more than a block of many.
      for (let more = 0; more < 3; more++) holder.take(size);
      const figures = allocator.figures();
      const bad = [block.address + 16, block.address + 1, block.address + 0.5, 2 ** 32 - 16, -16, Number.NaN];
      for (const address of bad) {
        ensureThrows(() => allocator.free(address), codes.free, `free(${address})`);
        if (codes.address === undefined) continue;
        ensureThrows(() => allocator.usableSize?.(address), codes.address, `usableSize(${address})`);
        ensureThrows(() => allocator.realloc?.(address, 8), codes.address, `realloc(${address})`);
      }
      ensureSame(allocator.figures(), figures, "figures after refusals");
      holder.ensureAllIntact();
      const [{ address }] = holder.held.splice(0, 1) as [Held];
      allocator.free(address);
      ensureThrows(() => allocator.free(address), codes.doubleFree, "a second free");
      holder.ensureAllIntact();
    },
  },
  {
    name: "takes 0 as no block at all",
    needs: ["refusal of addresses"],
    run: (holder) => {
      const figures = holder.allocator.figures();
      holder.allocator.free(0);
      ensureSame(holder.allocator.figures(), figures, "figures after free(0)");
    },
  },
];

/** All that the suite demands. */
export const REQUIREMENTS: readonly Requirement[] = [
  ...BLOCK_REQUIREMENTS,
  ...RESIZE_REQUIREMENTS,
  ...MISUSE_REQUIREMENTS,
];
