// Every allocator of the library passes one suite over every kind of memory. The heaps have a file of their own.
import { expect, it } from "vitest";
import { ADAPTERS } from "./adapters/all.ts";
import { heapAdapter } from "./adapters/heap.ts";
import { MEMORIES } from "./memories.ts";
import { describeConformance } from "./register.ts";
import { trialsOf } from "./suite.ts";

/** Those of the file `heaps.test.ts`. */
const HEAPS: readonly string[] = ["Heap", "DebugHeap", "SampledHeap"];

for (const adapter of ADAPTERS.filter(({ name }) => !HEAPS.includes(name))) describeConformance(adapter, MEMORIES);

it("the suite finds a heap that hands a block out twice, one that forgets to clear, and one that leaks", () => {
  const [memory] = MEMORIES;
  if (memory === undefined) throw new Error("there is no memory");
  const failuresOf = (change: (allocator: ReturnType<typeof heapAdapter.create>) => object): string[] => {
    const create: typeof heapAdapter.create = (given) => {
      const allocator = heapAdapter.create(given);
      return { ...allocator, ...change(allocator) };
    };
    return trialsOf({ ...heapAdapter, create }, memory).flatMap(({ name, run }) => {
      try {
        run();
        return [];
      } catch {
        return [name];
      }
    });
  };
  let last = 0;
  const twice = failuresOf(({ tryAlloc }) => ({
    tryAlloc: (sizeBytes: number) => {
      last = last > 0 && sizeBytes === 100 ? last : tryAlloc(sizeBytes);
      return last;
    },
  }));
  expect(twice).toContain("refuses addresses at which no block begins, and changes nothing");
  expect(
    failuresOf(({ alloc }) => ({ calloc: (count: number, sizeBytes: number) => alloc?.(count * sizeBytes) })),
  ).toEqual([
    "clears what calloc gives, whatever was there before",
    "refuses sizes that are none, and changes nothing",
  ]);
  expect(failuresOf(({ free }) => ({ free: (address: number) => address % 64 !== 0 && free(address) }))).toContain(
    "is as it was when everything is freed and trimmed",
  );
});
