import { OP } from "../trace/op-stream.ts";
import { TraceFormatError } from "../trace/trace-error.ts";
import { isSize, LineFormReader, type LineVerdict, OTHER } from "./line-form.ts";

/** The largest profile that is read: it has to be in memory whole. */
const PROFILE_BYTES_MAX = 2 ** 27;
const NODES_MAX = 2 ** 20;

/** Shows the form, at the beginning of a text. */
export function isHeapProfile(text: string): boolean {
  return /^\s*\{\s*"head"\s*:\s*\{/.test(text) && /"callFrame"\s*:/.test(text);
}

interface ProfileNode {
  readonly name: string;
  readonly url: string;
  readonly line: number;
  readonly id: number;
  readonly children: readonly unknown[];
}

/**
 * Reads V8's sampling heap profiles (.heapprofile): the blocks that were live when it was taken, each sample with its
 * stack, in the order of their allocation. Nothing is ever freed in one. A sample stands for the bytes around it.
 */
export class HeapProfileReader extends LineFormReader {
  protected readonly form = "heapprofile";
  readonly #chunks: Uint8Array[] = [];
  #byteCount = 0;

  override push(chunk: Uint8Array): void {
    this.#byteCount += chunk.length;
    if (this.#byteCount > PROFILE_BYTES_MAX) {
      throw new TraceFormatError(`a .heapprofile of more than ${PROFILE_BYTES_MAX} bytes is not read`);
    }
    this.#chunks.push(chunk.slice());
  }

  override end(): void {
    let profile: Readonly<Record<string, unknown>>;
    try {
      profile = record(JSON.parse(Buffer.concat(this.#chunks).toString("utf8")));
    } catch {
      throw new TraceFormatError("the .heapprofile is no JSON; it may be cut off");
    }
    const stackOfNode = this.#readTree(profile["head"]);
    const samples = Array.isArray(profile["samples"]) ? (profile["samples"] as readonly unknown[]).map(record) : [];
    samples.sort((a, b) => Number(a["ordinal"]) - Number(b["ordinal"]));
    let serial = 0;
    for (const { size, nodeId } of samples) {
      const stack = stackOfNode.get(Number(nodeId));
      if (stack === undefined || !isSize(Number(size))) {
        this.reject("a sample without a size, or of a node that there is not", JSON.stringify({ size, nodeId }));
        continue;
      }
      serial += 1;
      this.context.stack = stack;
      this.address.setNumber(serial);
      this.blocks.alloc(OP.MALLOC, this.address.high, this.address.low, Number(size));
      this.count("malloc");
    }
  }

  protected read(_text: string): LineVerdict {
    return OTHER;
  }

  /** The stack of each node. */
  #readTree(head: unknown): Map<number, number> {
    const stacks = new Map<number, number>();
    const waiting: { readonly node: unknown; readonly parent: number }[] = [{ node: head, parent: 0 }];
    for (let next = waiting.pop(); next !== undefined && stacks.size < NODES_MAX; next = waiting.pop()) {
      const { name, url, line, id, children } = nodeOf(next.node);
      const isRoot = name === "(root)";
      const label = url === "" ? name || "(anonymous)" : `${name || "(anonymous)"} (${url}:${line + 1})`;
      const stack = isRoot ? 0 : this.tables.stacks.intern(next.parent, this.tables.frame(label));
      stacks.set(id, stack);
      for (const child of children) waiting.push({ node: child, parent: stack });
    }
    return stacks;
  }
}

function nodeOf(value: unknown): ProfileNode {
  const node = record(value);
  const { functionName, url, lineNumber } = record(node["callFrame"]);
  const { children } = node;
  return {
    name: typeof functionName === "string" ? functionName : "",
    url: typeof url === "string" ? url : "",
    line: typeof lineNumber === "number" ? lineNumber : 0,
    id: Number(node["id"]),
    children: Array.isArray(children) ? children : [],
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
