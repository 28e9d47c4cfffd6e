import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { countCorePaths } from "./core-paths.ts";
import { CountedLibrary } from "./counted-library.ts";
import { countPaths } from "./paths.ts";
import { goldenTable } from "./table.ts";

const GOLDEN = fileURLToPath(new URL("../../../../docs/figures/fast-paths.md", import.meta.url));

describe("the fast paths", () => {
  it("do what the golden table says, no more and no less", async () => {
    const library = new CountedLibrary(["heap/heap.ts", "slab/fast-path.ts"]);
    await expect(goldenTable(countPaths(library), countCorePaths())).toMatchFileSnapshot(GOLDEN);
  });
});

describe("the counter", () => {
  function counts(text: string, ...values: unknown[]): readonly number[] {
    const library = new CountedLibrary(["a.ts"], [{ path: "a.ts", text }], {});
    const { f } = library.realm().module<{ f: (...values: unknown[]) => unknown }>("a.ts");
    const { reads, writes, atomics, tests, taken, calls } = library.runtime.count(() => f(...values));
    return [reads, writes, atomics, tests, taken, calls];
  }

  it("counts elements of typed arrays, not of others", () => {
    const text = "export function f(words: Int32Array): void { words[0] = words[1] + words[2]; words[3]++; }";
    expect(counts(text, new Int32Array(4))).toEqual([3, 2, 0, 0, 0, 0]);
    expect(counts(text, [1, 2, 3, 4])).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("counts atomic operations apart", () => {
    const text =
      "export function f(words: Int32Array): number { return Atomics.add(words, 0, Atomics.load(words, 1)); }";
    expect(counts(text, new Int32Array(4))).toEqual([0, 0, 2, 0, 0, 0]);
  });

  it("counts each test that is reached once, wherever it stands", () => {
    const text =
      "export function f(a: number, b?: number): number { if (!(a > 1 && a < 9) || b) return 1; return b ?? 2; }";
    expect(counts(text, 1)).toEqual([0, 0, 0, 1, 0, 0]);
    expect(counts(text, 5)).toEqual([0, 0, 0, 4, 3, 0]);
    const loop =
      "export function f(n: number): number { let s = 0; for (let i = 0; i < n; i++) s += i > 1 ? 1 : 2; return s; }";
    expect(counts(loop, 3)).toEqual([0, 0, 0, 7, 4, 0]);
  });

  it("counts what runs within the operation, not what runs after it", () => {
    const text = "export function f(words: Int32Array): void { if (words[0] === 0) words[1] = 1; }";
    const library = new CountedLibrary(["a.ts"], [{ path: "a.ts", text }], {});
    const { f } = library.realm().module<{ f: (words: Int32Array) => void }>("a.ts");
    const words = new Int32Array(2);
    const first = library.runtime.count(() => f(words));
    f(words);
    expect(first).toEqual({ reads: 1, writes: 1, atomics: 0, tests: 1, taken: 1, calls: 0 });
    expect(library.runtime.count(() => f(words))).toEqual(first);
  });

  it("counts calls of functions, methods, getters and constructors, not of instructions", () => {
    const text = `
      class A {
        get a(): number { return Math.imul(2, 3); }
        #b(): number { return this.a; }
        c = () => this.#b();
      }
      export function f(): number { return new A().c(); }`;
    expect(counts(text)).toEqual([0, 0, 0, 0, 0, 4]);
  });
});
