import { badArgument, describeValue, reading, readList } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { requireByteOffset } from "../memory/geometry.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { MemorySource } from "../memory/memory.ts";
import type { MemoryOptions } from "../memory/new-memory.ts";
import { MAX_NODE_COUNT, NODE_AREA_BYTES } from "./layout.ts";

/** A copy of a list of nodes. Throws BAD_ARGUMENT unless it names as many as a machine can have. */
export function readNodes(list: unknown): unknown[] {
  const length = reading("nodes", list, () => (Array.isArray(list) ? list.length : 0));
  if (length > 0 && length <= MAX_NODE_COUNT) return readList("nodes", list);
  throw badArgument("nodes", `a list of 1 to ${MAX_NODE_COUNT}`, list);
}

/** Throws BAD_ARGUMENT unless `node` is the number of a node of so many. */
export function requireNode(name: string, node: number, nodeCount: number): void {
  if (Number.isInteger(node) && node >= 0 && node < nodeCount) return;
  const text = `${name} is a node's number from 0 to ${nodeCount - 1}, not ${describeValue(node)}`;
  throw new KmemError("BAD_ARGUMENT", text, { [name]: node });
}

/** Where the heap of a node begins that may use the bytes from `start` on: after the node's area. */
export function heapStart(start = 0): number {
  requireByteOffset("start", start);
  return Math.ceil(start / PAGE_SIZE) * PAGE_SIZE + NODE_AREA_BYTES;
}

/** The bytes behind a memory: a WebAssembly.Memory and its buffer are the same ones. */
function bufferOf(memory: MemorySource): unknown {
  return "buffer" in memory ? memory.buffer : memory;
}

/** Throws BAD_ARGUMENT where two nodes are to be made in the same bytes. */
export function requireApart(nodes: readonly MemoryOptions[]): void {
  for (const [node, { memory, start = 0, end = Number.POSITIVE_INFINITY }] of nodes.entries()) {
    if (memory === undefined) continue;
    const other = nodes.findIndex(
      (candidate, number) =>
        number < node &&
        candidate.memory !== undefined &&
        bufferOf(candidate.memory) === bufferOf(memory) &&
        start < (candidate.end ?? Number.POSITIVE_INFINITY) &&
        (candidate.start ?? 0) < end,
    );
    if (other < 0) continue;
    const text = `nodes ${other} and ${node} are to share bytes of one memory; start and end keep them apart`;
    throw new KmemError("BAD_ARGUMENT", text, { node, other });
  }
}

/** Opens one thing after the other; when one fails, closes those before it, the last one first, and throws on. */
export function openAll<Item, Opened>(
  items: readonly Item[],
  open: (item: Item, index: number) => Opened,
  close: (opened: Opened) => void,
): Opened[] {
  const opened: Opened[] = [];
  try {
    for (const [index, item] of items.entries()) opened.push(open(item, index));
  } catch (error) {
    for (const one of opened.reverse()) close(one);
    throw error;
  }
  return opened;
}
