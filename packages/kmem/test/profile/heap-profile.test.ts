import { Session } from "node:inspector/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AllocationProfile, heapProfileText, type StackFrame, totalOf } from "../../src/profile/index.ts";
import { anyProfile, SMALL } from "./profiles.ts";

interface HeapProfileNode {
  readonly callFrame: {
    readonly functionName: string;
    readonly scriptId: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly selfSize: number;
  readonly id: number;
  readonly children: readonly HeapProfileNode[];
}

interface HeapProfile {
  readonly head: HeapProfileNode;
  readonly samples: readonly { readonly size: number; readonly nodeId: number; readonly ordinal: number }[];
}

/** All nodes with the frames that lead to them, outermost first, the root without any. */
function nodesOf(head: HeapProfileNode): { node: HeapProfileNode; path: StackFrame[] }[] {
  const all = [{ node: head, path: [] as StackFrame[] }];
  for (const { node, path } of all) {
    for (const child of node.children) {
      const { functionName, url, lineNumber, columnNumber } = child.callFrame;
      const frame = { functionName, url, line: lineNumber + 1, column: columnNumber + 1 };
      all.push({ node: child, path: [...path, frame] });
    }
  }
  return all;
}

function read(profile: AllocationProfile, figure?: "liveBytes" | "allocBytes"): HeapProfile {
  return JSON.parse(heapProfileText(profile, figure === undefined ? {} : { figure })) as HeapProfile;
}

/** The names of the fields of everything in a profile: what a reader can rely on. */
function shapeOf({ head, samples }: HeapProfile): object {
  return {
    node: Object.keys(head).sort(),
    callFrame: Object.entries(head.callFrame)
      .map(([name, value]) => `${name}: ${typeof value}`)
      .sort(),
    sample: Object.keys(samples[0]).sort(),
    root: head.callFrame,
  };
}

describe("a heap profile of V8", () => {
  it("has a node for each stack, from the outermost frame in", () => {
    const { head } = read(SMALL);
    const summary = nodesOf(head).map(({ node, path }) => [path.map((frame) => frame.functionName), node.selfSize]);
    expect(summary).toEqual([
      [[], 0],
      [["main"], 0],
      [["(unknown)"], 48],
      [["main", "parse"], 128],
      [["main", "parse", "Array.map"], 0],
      [["main", "parse", "Array.map", ""], 4096],
    ]);
  });

  it("counts lines and columns from 0, unknown ones as -1, and numbers the scripts", () => {
    const [main, unknown] = read(SMALL).head.children;
    expect(main.callFrame).toEqual({
      functionName: "main",
      scriptId: "1",
      url: "file:///srv/app.js",
      lineNumber: 2,
      columnNumber: 0,
    });
    expect(unknown.callFrame).toMatchObject({ scriptId: "0", url: "", lineNumber: -1, columnNumber: -1 });
  });

  it("says of every sample which node it is of", () => {
    const { head, samples } = read(SMALL, "allocBytes");
    const names = new Map(nodesOf(head).map(({ node }) => [node.id, node.callFrame.functionName]));
    expect(samples.map(({ size, nodeId, ordinal }) => [ordinal, size, names.get(nodeId)])).toEqual([
      [1, 320, "parse"],
      [2, 4096, ""],
      [3, 4200, "parse"],
      [4, 48, "(unknown)"],
    ]);
  });

  it("has the shape of one that V8 itself has made", async () => {
    const session = new Session();
    session.connect();
    await session.post("HeapProfiler.startSampling", { samplingInterval: 64 });
    const kept = Array.from({ length: 2000 }, (_, index) => ({ index }));
    const { profile } = await session.post("HeapProfiler.stopSampling");
    session.disconnect();
    expect(kept).toHaveLength(2000);
    expect(shapeOf(read(SMALL))).toEqual(shapeOf(profile as unknown as HeapProfile));
  });

  it("has a root alone where there are no samples", () => {
    expect(read({ ...SMALL, samples: [] })).toEqual({
      head: {
        callFrame: { functionName: "(root)", scriptId: "0", url: "", lineNumber: -1, columnNumber: -1 },
        selfSize: 0,
        id: 1,
        children: [],
      },
      samples: [],
    });
  });

  it("may be deeper than anything that calls itself could follow", () => {
    const depth = 20_000;
    const stack = Array.from({ length: depth }, (_, line) => ({ functionName: "f", url: "a.js", line, column: 1 }));
    const text = heapProfileText({ ...SMALL, samples: [{ ...SMALL.samples[0], stack }] });
    expect(text.match(/"selfSize":/g)).toHaveLength(depth + 1);
    expect(text).toContain(`"selfSize":128,"id":${depth + 1},"children":[]}`);
  });

  it("keeps the totals, the stacks and the names of any profile", () => {
    fc.assert(
      fc.property(anyProfile, fc.constantFrom("liveBytes" as const, "allocBytes" as const), (any, figure) => {
        const { head, samples } = read(any, figure);
        const nodes = nodesOf(head);
        expect(nodes.reduce((sum, { node }) => sum + node.selfSize, 0)).toBe(totalOf(any, figure));
        expect(samples.reduce((sum, { size }) => sum + size, 0)).toBe(totalOf(any, figure));
        expect(new Set(nodes.map(({ node }) => node.id)).size).toBe(nodes.length);
        const paths = new Map(nodes.map(({ node, path }) => [node.id, path]));
        for (const [index, { stack }] of any.samples.entries()) {
          if (stack.length === 0) continue;
          const kept = stack.map(({ functionName, url, line, column }) => ({
            functionName: functionName.toWellFormed(),
            url: url.toWellFormed(),
            line,
            column,
          }));
          expect(paths.get(samples[index].nodeId)?.toReversed()).toEqual(kept);
        }
      }),
      { numRuns: 200, seed: 6 },
    );
  });
});
