import { badArgument, reading, requireWhole } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { ADDRESS_SPACE_BYTES } from "../memory/layout.ts";
import { accessTo, attachmentOf } from "./access.ts";
import { hasSameBytes } from "./attachment.ts";
import type { BaseHeap } from "./base-heap.ts";
import { elementBytes, type ViewType } from "./block-view.ts";

/**
 * Allocates a block for `length` elements and returns a view of them, all 0, which {@link freeArray} frees; its
 * `byteOffset` is the block's address. `type` is any class of typed arrays. The view stays valid for as long as the
 * block does; on memory that grows and is not shared, only until the next growth. Throws BAD_ARGUMENT for what is no
 * such class and no length, and as `heap.calloc`. O(bytes).
 */
export function allocArray<View>(heap: BaseHeap, type: ViewType<View>, length: number): View {
  accessTo(heap);
  const bytes = elementBytes(type);
  requireWhole("length", length, 0, Math.floor((ADDRESS_SPACE_BYTES - 1) / bytes));
  const address = heap.calloc(length, bytes);
  try {
    const view: unknown = heap.view(type, address, length);
    const isOver = ArrayBuffer.isView(view) && view.byteOffset === address && view.buffer === heap.buffer;
    if (!isOver) throw badArgument("type", "a class of typed arrays", type);
    return view as View;
  } catch (error) {
    heap.free(address);
    throw error;
  }
}

/**
 * Frees the block that a view begins at, whoever made the view: {@link allocArray}, `heap.view` or another thread.
 * Throws INVALID_FREE for a view of other memory, or of memory that has been replaced by its growth (`heap.free` takes
 * the address then), and as `heap.free`. O(1).
 */
export function freeArray(heap: BaseHeap, view: ArrayBufferView): void {
  const { buffer, byteOffset } = reading("view", view, () => {
    if (!ArrayBuffer.isView(view)) throw badArgument("view", "a view of a block", view);
    return { buffer: view.buffer, byteOffset: view.byteOffset };
  });
  const { layers } = attachmentOf(heap);
  if (byteOffset === 0 || !(buffer === layers.memory.buffer || hasSameBytes(layers, buffer))) {
    throw new KmemError("INVALID_FREE", "cannot free a view: it begins at no block of this heap's memory", {});
  }
  heap.free(byteOffset);
}
