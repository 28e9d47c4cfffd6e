import { describeAddress } from "./kmalloc/describe.ts";
import type { Layers } from "./kmalloc/layers.ts";
import { signedHint } from "./memory/arguments.ts";
import { KmemError } from "./memory/errors.ts";

/** A class of typed arrays, for `heap.view`. */
export interface ViewType<View> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): View;
}

/** A view of `length` elements at an address. Throws INVALID_ADDRESS unless a live block holds all of it. */
export function blockView<View>(layers: Layers, type: ViewType<View>, address: number, length: number): View {
  const { block } = describeAddress(layers, address);
  const end = address + length * type.BYTES_PER_ELEMENT;
  const isWhole = Number.isInteger(length) && length >= 0 && address % type.BYTES_PER_ELEMENT === 0;
  if (block?.live !== true || !isWhole || end > block.address + block.usableBytes) {
    throw new KmemError(
      "INVALID_ADDRESS",
      `no live block holds ${length} aligned elements of ${type.BYTES_PER_ELEMENT} bytes at ${address}${signedHint("address", address)}`,
      { address, length, block },
    );
  }
  return new type(layers.memory.buffer, address, length);
}
