import { reserveSlot } from "../kmalloc/attach.ts";
import { requireSize } from "../kmalloc/kmalloc.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { WaitOptions } from "../kmalloc/memory-wait.ts";
import { readOptions } from "../memory/arguments.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { MemorySource } from "../memory/memory.ts";
import { reservationOf } from "../sync/reservation.ts";
import { attachmentOf, layersOf } from "./access.ts";
import { type Attachment, heapId, leaveAttachment, requireAttachment } from "./attachment.ts";
import { BaseHeap } from "./base-heap.ts";
import { type HeapHandle, makeHandle } from "./handle.ts";
import { createAttachment, openAttachment } from "./open.ts";
import { ATTACH_CHECKS, type AttachOptions, HEAP_CHECKS, type HeapOptions } from "./options.ts";

function handleOf(layers: Layers): HeapHandle {
  const { memory, geometry } = layers;
  return makeHandle(memory, geometry.baseFrame * PAGE_SIZE, heapId(layers) ?? 0);
}

/**
 * A heap: malloc and its family inside one buffer. Addresses are byte offsets into that buffer, unsigned 32-bit; 0 is
 * null. All state is in the buffer: any number of threads work on it, each through a slot of its own that it takes with
 * {@link attach}, and any of them frees what any other allocated. A call that throws leaves every live block as it was;
 * an allocation may have reclaimed memory by then, and `trim` and `detach` throw destructors' errors when they are
 * done.
 */
export class Heap extends BaseHeap {
  /** Heaps are made by {@link create}, {@link attach} and `loadDump`: throws BAD_ARGUMENT for anything else. */
  protected constructor(attachment: object) {
    super(requireAttachment(attachment));
  }

  /** Makes a heap in new or given memory. Throws BAD_ARGUMENT or BAD_GEOMETRY before it writes anything. */
  static create(options: HeapOptions = {}): Heap {
    return new Heap(createAttachment(readOptions("options", options, HEAP_CHECKS)));
  }

  /**
   * Opens the heap that another thread made: by its {@link handle}, or by its memory and the byte it begins at. The
   * thread takes a free slot, or the one reserved for it; a second `Heap` by a handle, or over the memory that the
   * thread has, shares its slot. Throws NO_SLOT when all are held, or the reserved one is not the thread's;
   * OUT_OF_MEMORY without pages for it; BAD_ARGUMENT for a heap that is debugged, an altered handle, a copy of memory
   * that is not shared; and NOT_A_HEAP, WRONG_VERSION, WRONG_BYTE_ORDER, BAD_GEOMETRY or TRUNCATED.
   */
  static attach(source: MemorySource | HeapHandle, options: AttachOptions = {}): Heap {
    const { start = 0 } = readOptions("options", options, ATTACH_CHECKS);
    return new Heap(openAttachment(source, start));
  }

  /** @internal */
  static ofAttachment(attachment: Attachment): Heap {
    return new Heap(attachment);
  }

  /** The number of this thread's slot, from 0. The tag of its live blocks is that plus 1. */
  get slot(): number {
    return layersOf(this).slot;
  }

  /** @internal */
  protected override leave(attachment: Attachment): void {
    leaveAttachment(attachment);
  }

  /** What another thread needs to attach; it goes through postMessage. */
  get handle(): HeapHandle {
    const { layers } = attachmentOf(this);
    layers.sync.beacon.begin();
    return handleOf(layers);
  }

  /**
   * A handle for one thread, with a slot that is reserved for it, so that it can be watched from its first instruction
   * on: give it to the worker and to `watchWorker`. Throws NO_SLOT when no slot is free: each is held, reserved, or
   * that of a dead thread whose blocks wait for `reapSlot`.
   */
  reserve(): HeapHandle {
    const { layers } = attachmentOf(this);
    layers.sync.beacon.begin();
    const place = reservationOf(layers.slots, reserveSlot(layers));
    return { ...handleOf(layers), place };
  }

  /**
   * As {@link alloc}, and where there is no memory reclaims, then sleeps until another thread frees some: GFP_KERNEL.
   * Those who wait are served in their order. Throws {@link OutOfMemoryError} at the timeout, and at once where no
   * other thread is there or the heap too small; the signal's reason; MUST_NOT_BLOCK where the thread may not sleep.
   */
  allocWait(sizeBytes: number, options: WaitOptions = {}): number {
    requireSize(sizeBytes);
    const { waits } = attachmentOf(this);
    const attempt = (): number => this.slowTryAlloc(sizeBytes, false);
    return this.orThrow(waits.waitForBlock(sizeBytes, attempt, options), sizeBytes);
  }

  /** As {@link allocWait}, without blocking: for a browser's main thread, and for waits on what this thread frees. */
  async allocAsync(sizeBytes: number, options: WaitOptions = {}): Promise<number> {
    requireSize(sizeBytes);
    const { waits } = attachmentOf(this);
    const attempt = (): number => this.slowTryAlloc(sizeBytes, false);
    return this.orThrow(await waits.waitAsync(sizeBytes, attempt, options), sizeBytes);
  }
}
