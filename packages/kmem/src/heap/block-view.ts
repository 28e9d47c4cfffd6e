import { type BlockInfo, badFree, describeAddress, notLive } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import { badArgument, describeValue, isUint32, reading, signedHint } from "../memory/arguments.ts";
import { hex, KmemError } from "../memory/errors.ts";

/** A class of typed arrays, for `heap.view`. */
export interface ViewType<View> {
  /** Bytes of an element. */
  readonly BYTES_PER_ELEMENT: number;
  /** Makes a view of `length` elements from `byteOffset` on. */
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): View;
}

/** The error for a use of what is no live block: it says what lies at the address, in the words of a free. */
export function noLiveBlock(layers: Layers, address: unknown): KmemError {
  const { code, details } = notLive(layers, address);
  const text = badFree(layers, address).message.replace("cannot free", "no live block starts at");
  return new KmemError(code, text, details);
}

/**
 * A view of `length` elements at an address, by default as many as there is room for. Throws INVALID_ADDRESS unless
 * all of it lies in `block`, which is what is known of the address, and the block is live.
 */
export function viewWithin<View>(
  layers: Layers,
  block: Pick<BlockInfo, "address" | "usableBytes" | "live"> | undefined,
  type: ViewType<View>,
  address: number,
  length: number,
): View {
  const bytesPerElement = elementBytes(type);
  const end =
    isUint32(address) && Number.isInteger(length) && length >= 0 ? address + length * bytesPerElement : Number.NaN;
  if (block?.live === true && end <= block.address + block.usableBytes) {
    if (address % bytesPerElement === 0)
      return reading("type", type, () => new type(layers.memory.buffer, address, length));
  }
  const what = `${describeValue(length)} aligned elements of ${bytesPerElement} bytes`;
  const room = block?.live === true ? `: the block has ${block.usableBytes} usable bytes` : "";
  const text = `no live block holds ${what} at ${hex(address)}${room}${signedHint("address", address)}`;
  throw new KmemError("INVALID_ADDRESS", text, { address, length, block });
}

/** As {@link viewWithin}, in the block of a plain heap that the address lies in. */
export function blockView<View>(layers: Layers, type: ViewType<View>, address: number, length: number): View {
  return viewWithin(layers, describeAddress(layers, address).block, type, address, length);
}

/** Bytes of an element. Throws BAD_ARGUMENT for what is no class of typed arrays. */
export function elementBytes(type: ViewType<unknown>): number {
  const bytes = reading("type", type, () => (typeof type === "function" ? type.BYTES_PER_ELEMENT : 0));
  if (Number.isInteger(bytes) && bytes > 0) return bytes;
  throw badArgument("type", "a class of typed arrays", type);
}
