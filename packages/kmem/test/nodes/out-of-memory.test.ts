import { describe, expect, it } from "vitest";
import { OutOfMemoryError } from "../../src/index.ts";
import { NodesOutOfMemoryError } from "../../src/nodes/out-of-memory.ts";

const shortage = (node: number) => ({ node, freeBytes: 1000 * (node + 1), largestFreeRunBytes: 500 - node });

describe("the error of all nodes", () => {
  it("has the figures of each, and of all together", () => {
    const error = new NodesOutOfMemoryError(77, [shortage(1), shortage(0)]);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toMatchObject({ askedBytes: 77, freeBytes: 3000, largestFreeRunBytes: 500, code: "OUT_OF_MEMORY" });
    expect(error.nodes).toEqual([shortage(1), shortage(0)]);
    expect(error.message).toMatch(
      /asked for 77 bytes.*\(free bytes, largest run: node 1 2000, 499; node 0 1000, 500\)$/,
    );
  });

  it("names sixteen nodes and counts the others", () => {
    const all = Array.from({ length: 20 }, (_, node) => shortage(node));
    const error = new NodesOutOfMemoryError(1, all);
    expect(error.message).toContain("node 15 16000, 485; and 4 more)");
    expect(error.message).not.toContain("node 16 ");
    expect(error.nodes).toHaveLength(20);
  });
});
