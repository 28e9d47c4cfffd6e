import { describeValue } from "../memory/arguments.ts";
import { hex, KmemError, type KmemErrorCode, OutOfMemoryError } from "../memory/errors.ts";
import { NODE_SPAN_BYTES } from "./layout.ts";

/** What an address consists of. */
export interface NodeAddress {
  readonly node: number;
  /** Byte of the node's memory. */
  readonly offset: number;
}

/** The address of a byte of a node's memory: an ordinary whole number below 2^42. */
export function joinAddress(node: number, offset: number): number {
  return node * NODE_SPAN_BYTES + offset;
}

/** Takes an address apart. Any value is allowed; undefined for null and for what names no byte of these nodes. */
export function splitAddress(address: unknown, nodeCount: number): NodeAddress | undefined {
  if (typeof address !== "number" || !Number.isInteger(address)) return undefined;
  const node = Math.floor(address / NODE_SPAN_BYTES);
  const offset = address - node * NODE_SPAN_BYTES;
  // No block starts at byte 0 of any memory: there stands the node's area or what is before it.
  if (node < 0 || node >= nodeCount || offset === 0) return undefined;
  return { node, offset };
}

/** The error for an address that {@link splitAddress} has found to be none. `action` is what was to be done with it. */
export function badAddress(code: KmemErrorCode, action: string, address: unknown, nodeCount: number): KmemError {
  const isWhole = typeof address === "number" && Number.isInteger(address) && address >= 0;
  if (!isWhole) return new KmemError(code, `${action} ${describeValue(address)}: it is no address`, { address });
  const node = Math.floor(address / NODE_SPAN_BYTES);
  const reason =
    node < nodeCount
      ? `no block starts at byte 0 of node ${node}`
      : `it is of node ${node}, and the nodes are 0 to ${nodeCount - 1}`;
  return new KmemError(code, `${action} ${hex(address)}: ${reason}`, { address, node });
}

/** An error of a node's heap as the user of all nodes reads it: which node, and the address as it was given. */
export function atNode(error: unknown, node: number, address: number): unknown {
  if (!(error instanceof KmemError) || error instanceof OutOfMemoryError || error.code === "DETACHED") return error;
  const { address: offset = address % NODE_SPAN_BYTES, ...details } = error.details;
  return new KmemError(error.code, `${error.message} (an offset in node ${node}; the address is ${hex(address)})`, {
    ...details,
    node,
    offset,
    address,
  });
}
