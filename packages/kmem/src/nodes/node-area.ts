import { KmemError } from "../memory/errors.ts";
import { WORD_SHIFT } from "../memory/layout.ts";
import type { LinearMemory } from "../memory/memory.ts";
import {
  COUNTER_FIELD_COUNT,
  COUNTER_SHIFT,
  CounterField,
  NODE_AREA_BYTES,
  NODE_LINE_COUNT,
  NODE_LINE_SHIFT,
  NODE_MAGIC,
  NodeWord,
} from "./layout.ts";

/**
 * How well placement works, as /sys/devices/system/node/node0/numastat tells it. A count stands for one request that
 * the calling thread's sheaf on that node could not serve: blocks of up to 32 KiB are counted once for each sheaf that
 * is filled, larger and aligned ones each time. Linux counts below its per-CPU slabs too.
 */
export interface NumaCounts {
  /** Memory was wanted of this node, and came from it. */
  readonly numa_hit: number;
  /** Memory was wanted of another node, and came from this one. */
  readonly numa_miss: number;
  /** Memory was wanted of this node, and came from another one. */
  readonly numa_foreign: number;
  /** Memory came from this node, for a thread at home there. */
  readonly local_node: number;
  /** Memory came from this node, for a thread at home elsewhere. */
  readonly other_node: number;
}

/** The area before a node's heap: which node it is, and its counters. Views and constants, no state. */
export class NodeArea {
  readonly #memory: LinearMemory;
  readonly #address: number;

  private constructor(memory: LinearMemory, address: number) {
    this.#memory = memory;
    this.#address = address;
  }

  /** Formats the area at `address`, a multiple of a page. */
  static create(memory: LinearMemory, address: number, node: number, nodeCount: number): NodeArea {
    const area = new NodeArea(memory, address);
    memory.bytes.fill(0, address, address + NODE_AREA_BYTES);
    area.#set(NodeWord.NODE, node);
    area.#set(NodeWord.NODE_COUNT, nodeCount);
    area.#set(NodeWord.MAGIC, NODE_MAGIC);
    return area;
  }

  /** Opens the area at `address`. Throws NOT_A_HEAP unless it is that of this node of so many. Reads only. */
  static attach(memory: LinearMemory, address: number, node: number, nodeCount: number): NodeArea {
    const area = new NodeArea(memory, address);
    const problem = area.#problem(node, nodeCount);
    if (problem !== undefined) throw new KmemError("NOT_A_HEAP", problem, { node, nodeCount, address });
    return area;
  }

  /** Address of the area's first byte. */
  get address(): number {
    return this.#address;
  }

  /** Counts one event for the thread that holds `slot` of this node. Only for that thread. */
  count(slot: number, field: number): void {
    this.#memory.refresh();
    this.#memory.doubles[this.#counter(slot, field)] += 1;
  }

  /** The sum of what all threads have counted. Exact while they rest. */
  counts(): NumaCounts {
    this.#memory.refresh();
    const sums = Array.from({ length: COUNTER_FIELD_COUNT }, (_, field) => {
      let sum = 0;
      for (let slot = 0; slot < NODE_LINE_COUNT - 1; slot++) sum += this.#memory.doubles[this.#counter(slot, field)];
      return sum;
    });
    return {
      numa_hit: sums[CounterField.HIT],
      numa_miss: sums[CounterField.MISS],
      numa_foreign: sums[CounterField.FOREIGN],
      local_node: sums[CounterField.LOCAL],
      other_node: sums[CounterField.OTHER],
    };
  }

  /** What is wrong with the area of this node, in sentences without their full stop. Reads only. */
  check(node: number, nodeCount: number): string[] {
    this.#memory.refresh();
    const problem = this.#problem(node, nodeCount);
    const problems = problem === undefined ? [] : [problem];
    const first = this.#counter(0, 0);
    const counters = this.#memory.doubles.subarray(first, this.#counter(NODE_LINE_COUNT - 1, 0));
    if (!counters.every((count) => Number.isSafeInteger(count) && count >= 0)) {
      problems.push("a counter of the node is no count");
    }
    const { numa_hit, numa_miss, local_node, other_node } = this.counts();
    if (numa_hit + numa_miss !== local_node + other_node) {
      problems.push("the node's hits and misses are not as many as its local and other requests");
    }
    return problems;
  }

  #problem(node: number, nodeCount: number): string | undefined {
    if (this.#get(NodeWord.MAGIC) !== NODE_MAGIC) return `no node's area stands before the heap of node ${node}`;
    const [found, foundCount] = [this.#get(NodeWord.NODE), this.#get(NodeWord.NODE_COUNT)];
    if (found === node && foundCount === nodeCount) return undefined;
    return `the area before the heap of node ${node} of ${nodeCount} is that of node ${found} of ${foundCount}`;
  }

  /** Index in `doubles` of a counter: slot 0 follows the header's line. */
  #counter(slot: number, field: number): number {
    return ((this.#address >>> NODE_LINE_SHIFT) + 1 + slot) * (1 << (NODE_LINE_SHIFT - COUNTER_SHIFT)) + field;
  }

  #get(field: number): number {
    return this.#memory.words[(this.#address >>> WORD_SHIFT) + field];
  }

  #set(field: number, value: number): void {
    this.#memory.words[(this.#address >>> WORD_SHIFT) + field] = value;
  }
}
