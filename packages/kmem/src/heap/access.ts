import type { BlockInfo } from "../kmalloc/describe.ts";
import type { Layers } from "../kmalloc/layers.ts";
import type { ReapOptions } from "../kmalloc/reap-options.ts";
import type { DeathCleanup, ReapReport } from "../kmalloc/reap-report.ts";
import { badArgument, reading } from "../memory/arguments.ts";
import type { Finding } from "../memory/finding.ts";
import type { RepairStep } from "../repair/log.ts";
import type { Attachment } from "./attachment.ts";
import type { PathListener } from "./path-listeners.ts";

/**
 * What a heap that has more around its blocks than the layers know (red zones, records, a quarantine) adds to the
 * functions that look at heaps, repair them and recover from deaths. A plain heap has none.
 */
export interface HeapExtension {
  /** What a check finds beside what is wrong with the layers. */
  findings(): readonly Finding[];
  /** Repairs what the repair of the layers would take for nobody's. */
  repairRoots(): readonly RepairStep[];
  /** Repairs what is around the blocks, once the layers are sound. */
  repairBlocks(): readonly RepairStep[];
  /** The object or block that an address lies in; any value is allowed. */
  blockAt(address: number): BlockInfo | undefined;
  /** The live objects and blocks in address order. */
  blocks(): Generator<BlockInfo>;
  /** The address by which the layers know the object that starts at `address`; other addresses are returned as is. */
  blockAddress(address: number): number;
  /** What a recovery does about the blocks of the thread that is gone. */
  readonly cleanup: DeathCleanup;
  /** Recovers by means of `recover`, and does what the objects need besides. */
  reap(slot: number, options: ReapOptions, recover: (options: ReapOptions) => ReapReport): ReapReport;
}

/** What other files of this library reach of a heap, and its users do not. */
export interface HeapAccess {
  readonly attachment: Attachment;
  /** Whether its layers are those of one thread: see `layersToView`. */
  readonly isLocal: boolean;
  /** The layers, with views of the memory as it is now. Throws DETACHED after the heap's `detach`. */
  seen(): Layers;
  /** As {@link seen}, to change something: the slot must still be this thread's. */
  current(): Layers;
  /** Tells a listener now, and whenever the fast path is bound again. */
  subscribe(listener: PathListener): void;
  extension?: HeapExtension;
}

/**
 * Where a heap keeps its access: by a registered symbol, so that where a program has two copies of this library (the
 * bundle of one of its parts, say) the functions of the one take heaps of the other, as methods would.
 */
const ACCESS: unique symbol = Symbol.for("kmem: what the library reaches of a heap");

/** Called once by the constructor of each heap. */
export function registerHeap(heap: object, access: HeapAccess): void {
  Object.defineProperty(heap, ACCESS, { value: access });
}

/** Called once by the constructor of a heap that has an extension. */
export function extendHeap(heap: object, extension: HeapExtension): void {
  accessTo(heap).extension = extension;
}

/** Throws BAD_ARGUMENT for what is no heap of this library. */
export function accessTo(heap: object): HeapAccess {
  const isObject = typeof heap === "object" && heap !== null;
  const access = isObject
    ? reading("heap", heap, () => Reflect.get(heap, ACCESS) as HeapAccess | undefined)
    : undefined;
  if (access === undefined) throw badArgument("heap", "a heap that was made by create, attach or load", heap);
  return access;
}

/** The layers of a heap, detached or not. Throws BAD_ARGUMENT for what is no heap. */
export function layersOf(heap: object): Layers {
  return accessTo(heap).attachment.layers;
}

/** What a thread has of a heap, with memory as it is now. Throws BAD_ARGUMENT for what is no heap, and DETACHED. */
export function attachmentOf(heap: object): Attachment {
  const access = accessTo(heap);
  access.current();
  return access.attachment;
}

/** The layers of a heap, to look at: the slot need not be this thread's any more. Throws where the memory is lost. */
export function viewedLayers(heap: object): Layers {
  const layers = accessTo(heap).seen();
  if (layers.memory.isLost) throw layers.memory.lost();
  return layers;
}
