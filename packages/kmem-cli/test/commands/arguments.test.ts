import { describe, expect, it } from "vitest";
import {
  collectTraces,
  describeAllocators,
  parseAllocators,
  parseCount,
  parseOpCount,
} from "../../src/commands/arguments.ts";
import type { Contender } from "../../src/replay/contender.ts";

const known = ["kmem", "glibc", "jemalloc"].map(
  (name): Contender => ({
    name,
    isNative: name !== "kmem",
    canCheck: name === "kmem",
    prepare: async () => ({ name, reason: "" }),
  }),
);

describe("arguments", () => {
  it("are counts from a least one", () => {
    expect(parseCount("7", 1)).toBe(7);
    expect(parseCount("0", 0)).toBe(0);
    for (const text of ["0", "-1", "1.5", "1e3", "", "x", " 3", "99999999999999999999"]) {
      expect(() => parseCount(text, 1)).toThrow("whole number from 1");
    }
  });

  it("are names of allocators, in the order in which they are known", () => {
    expect(parseAllocators("jemalloc, kmem,kmem", known).map(({ name }) => name)).toEqual(["kmem", "jemalloc"]);
    expect(() => parseAllocators("kmem,hoard,dl", known)).toThrow(
      'There is no "hoard", "dl"; there are kmem, glibc, jemalloc.',
    );
    expect(() => parseAllocators("", known)).toThrow('There is no ""');
  });

  it("are other names of allocators, or all", () => {
    const [kmem, ...others] = known;
    const withAliases = [{ ...kmem!, aliases: ["slab", "kmalloc"] }, ...others];
    const named = (text: string): string[] => parseAllocators(text, withAliases).map(({ name }) => name);
    expect(named("slab,kmalloc")).toEqual(["kmem"]);
    expect(named("glibc,slab")).toEqual(["kmem", "glibc"]);
    expect(named("all")).toEqual(["kmem", "glibc", "jemalloc"]);
    expect(() => named("all,hoard")).toThrow('There is no "hoard"; there are kmem, glibc, jemalloc.');
    expect(describeAllocators(withAliases)).toBe(
      "some of kmem = slab = kmalloc, glibc, jemalloc; or all; or files of your own, as ./my-policy.ts",
    );
  });

  it("are traces, of which standard input is one at most", () => {
    expect(collectTraces("b", collectTraces("-", collectTraces("a")))).toEqual(["a", "-", "b"]);
    expect(() => collectTraces("-", ["-"])).toThrow("once only");
  });
});

describe("a count of operations", () => {
  it.each([
    ["5000", 5000],
    ["500K", 500_000],
    ["100M", 100_000_000],
    ["2m", 2_000_000],
  ])("is %s", (text, count) => {
    expect(parseOpCount(text)).toBe(count);
  });

  it.each(["0", "", "-1", "1.5M", "1G", "M", "99999999999999999"])("is not '%s'", (text) => {
    expect(() => parseOpCount(text)).toThrow("whole number from 1");
  });
});
