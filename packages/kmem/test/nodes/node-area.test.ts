import { beforeEach, describe, expect, it } from "vitest";
import { MAX_SLOT_COUNT, PAGE_SIZE } from "../../src/memory/layout.ts";
import { LinearMemory } from "../../src/memory/memory.ts";
import {
  COUNTER_FIELD_COUNT,
  CounterField,
  NODE_AREA_BYTES,
  NODE_LINE_COUNT,
  NODE_LINE_SHIFT,
  NodeWord,
} from "../../src/nodes/layout.ts";
import { NodeArea } from "../../src/nodes/node-area.ts";
import { thrownBy } from "../support/expectations.ts";

const ADDRESS = 3 * PAGE_SIZE;
const LINE_BYTES = 1 << NODE_LINE_SHIFT;

let memory: LinearMemory;
let area: NodeArea;

beforeEach(() => {
  memory = new LinearMemory(new SharedArrayBuffer(8 * PAGE_SIZE));
  memory.bytes.fill(0xa5);
  area = NodeArea.create(memory, ADDRESS, 2, 5);
});

describe("a node's area", () => {
  it("has room for the line of every slot that a heap can have, and is whole pages", () => {
    expect(NODE_LINE_COUNT).toBeGreaterThan(MAX_SLOT_COUNT);
    expect(NODE_AREA_BYTES % PAGE_SIZE).toBe(0);
    expect(NODE_AREA_BYTES).toBe(NODE_LINE_COUNT * LINE_BYTES);
    expect(COUNTER_FIELD_COUNT).toBe(Object.keys(CounterField).length);
    expect(COUNTER_FIELD_COUNT * 8).toBeLessThanOrEqual(LINE_BYTES);
  });

  it("writes into its own bytes only", () => {
    for (let slot = 0; slot < MAX_SLOT_COUNT; slot++) area.count(slot, CounterField.OTHER);
    const { bytes } = memory;
    expect(bytes.subarray(0, ADDRESS).every((byte) => byte === 0xa5)).toBe(true);
    expect(bytes.subarray(ADDRESS + NODE_AREA_BYTES).every((byte) => byte === 0xa5)).toBe(true);
  });

  it("counts for each slot in a line of its own, and sums over all", () => {
    const before = memory.bytes.slice();
    area.count(7, CounterField.HIT);
    const changed = [...memory.bytes.keys()].filter((at) => memory.bytes[at] !== before[at]);
    const line = ADDRESS + 8 * LINE_BYTES;
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.every((at) => at >= line && at < line + LINE_BYTES)).toBe(true);
    for (const slot of [0, 7, MAX_SLOT_COUNT - 1]) {
      for (const [index, field] of Object.values(CounterField).entries()) {
        for (let count = 0; count <= index; count++) area.count(slot, field);
      }
    }
    expect(area.counts()).toEqual({ numa_hit: 4, numa_miss: 6, numa_foreign: 9, local_node: 12, other_node: 15 });
  });

  it("counts beyond 32 bits", () => {
    const first = (ADDRESS + LINE_BYTES) / 8;
    memory.doubles[first + CounterField.HIT] = 2 ** 40;
    memory.doubles[first + CounterField.LOCAL] = 2 ** 40 + 1;
    area.count(0, CounterField.HIT);
    expect(area.counts().numa_hit).toBe(2 ** 40 + 1);
    expect(area.check(2, 5)).toEqual([]);
  });

  it("opens for the node that it is of, and for no other", () => {
    area.count(3, CounterField.FOREIGN);
    const before = memory.bytes.slice();
    const again = NodeArea.attach(memory, ADDRESS, 2, 5);
    expect([again.address, again.counts().numa_foreign]).toEqual([ADDRESS, 1]);
    for (const [node, count] of [
      [1, 5],
      [2, 4],
    ] as const) {
      const error = thrownBy(() => NodeArea.attach(memory, ADDRESS, node, count));
      expect(error.code).toBe("NOT_A_HEAP");
      expect(error.message).toBe(`the area before the heap of node ${node} of ${count} is that of node 2 of 5`);
    }
    const error = thrownBy(() => NodeArea.attach(memory, ADDRESS + PAGE_SIZE, 2, 5));
    expect([error.code, error.message]).toEqual(["NOT_A_HEAP", "no node's area stands before the heap of node 2"]);
    expect(memory.bytes).toEqual(before);
  });

  it.each([
    ["a lost magic", () => (memory.words[ADDRESS / 4 + NodeWord.MAGIC] = 0), "no node's area stands before"],
    ["another node", () => (memory.words[ADDRESS / 4 + NodeWord.NODE] = 4), "is that of node 4 of 5"],
    ["a count that is none", () => (memory.doubles[(ADDRESS + LINE_BYTES) / 8] = 0.5), "a counter of the node is no"],
    ["a negative count", () => (memory.doubles[(ADDRESS + 127 * LINE_BYTES) / 8] = -1), "a counter of the node is no"],
    ["NaN", () => (memory.doubles[(ADDRESS + 2 * LINE_BYTES) / 8 + 4] = Number.NaN), "a counter of the node is no"],
    ["a hit from nowhere", () => area.count(1, CounterField.HIT), "hits and misses are not as many"],
  ])("finds %s", (_name, damage, text) => {
    area.count(1, CounterField.MISS);
    area.count(1, CounterField.OTHER);
    expect(area.check(2, 5)).toEqual([]);
    damage();
    expect(area.check(2, 5).join("\n")).toContain(text);
  });
});
