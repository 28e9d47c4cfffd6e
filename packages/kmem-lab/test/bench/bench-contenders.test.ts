import type { Contender, ReadyContender } from "kmem-cli/internal/replay/contender";
import { describe, expect, it } from "vitest";
import { BenchContenders, figureContenders, withLimits } from "../../src/bench/bench-contenders.ts";
import { churnLoad } from "../../src/loads/churn.ts";
import { CONSTRUCTED } from "../../src/loads/constructed.ts";
import { LIFO } from "../../src/loads/lifo.ts";

const contender = (name: string, isByNameOnly = false, isHere = true): Contender => {
  const common = { name, isNative: false, canCheck: false };
  const ready = { ...common, version: "1", command: () => ({ file: "", args: [] }) };
  return { ...common, isByNameOnly, prepare: async () => (isHere ? ready : { name, reason: "no such thing" }) };
};
const KNOWN = [
  contender("kmem"),
  contender("thi.ng", true),
  contender("buddy", true),
  contender("as-tlsf", true),
  contender("x", false, false),
];

describe("who takes part in the figures", () => {
  it("is who does so by default, and the peers; no engine", () => {
    expect(figureContenders(KNOWN).map(({ name }) => name)).toEqual(["kmem", "thi.ng", "as-tlsf", "x"]);
  });

  it("cuts peers off that may take very long, and no others", async () => {
    const jobs: object[] = [];
    const noting = (one: Contender): Contender => ({
      ...one,
      prepare: async () => {
        const ready = (await one.prepare()) as ReadyContender;
        return { ...ready, command: (job) => ({ file: String(jobs.push(job)), args: [] }) };
      },
    });
    const { ready } = await BenchContenders.prepare(withLimits([KNOWN[0]!, KNOWN[1]!, KNOWN[3]!].map(noting)));
    for (const { command } of ready) command({ mode: "account", kind: "blocks", opsPath: "x" });
    expect(jobs).toEqual([
      { mode: "account", kind: "blocks", opsPath: "x" },
      { mode: "account", kind: "blocks", opsPath: "x", limitMs: 2000 },
      { mode: "account", kind: "blocks", opsPath: "x" },
    ]);
  });

  it("leaves the debugged heap out of all but the traces", async () => {
    const { ready, ...bench } = await BenchContenders.prepare(figureContenders([contender("kmem-fzpu", true)])).then(
      (prepared) => ({ ready: prepared.ready, live: prepared.forLiveBlocks(1000), load: prepared.forLoad(LIFO) }),
    );
    expect(ready.map(({ name }) => name)).toEqual(["kmem-fzpu"]);
    expect(bench).toEqual({ live: [], load: [] });
  });

  it("leaves peers out of what they cannot do in reasonable time, or at all", async () => {
    const bench = await BenchContenders.prepare(figureContenders(KNOWN));
    const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
    expect(bench.absent).toEqual([{ name: "x", reason: "no such thing" }]);
    expect(names(bench.forLiveBlocks(10_000))).toEqual(["kmem", "thi.ng", "as-tlsf"]);
    expect(names(bench.forLiveBlocks(100_000))).toEqual(["kmem", "as-tlsf"]);
    expect(names(bench.forLoad(churnLoad(100_000)))).toEqual(["kmem", "as-tlsf"]);
    expect(names(bench.forLoad(LIFO))).toEqual(["kmem", "thi.ng", "as-tlsf"]);
    expect(names(bench.forLoad(CONSTRUCTED))).toEqual(["kmem", "as-tlsf"]);
  });
});
