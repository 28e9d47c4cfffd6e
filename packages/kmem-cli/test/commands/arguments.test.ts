import { describe, expect, it } from "vitest";
import { collectTraces, describeAllocators, parseAllocators } from "../../src/commands/arguments.ts";
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
