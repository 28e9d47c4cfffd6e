import type { ClusterFinding } from "../../cluster/check.ts";
import { ClusterHeap, type DamagedBlock, type FreeVerdict } from "../../cluster/cluster-heap.ts";
import { Descriptor } from "../../cluster/descriptor.ts";
import { DESCRIPTOR_ALIGNMENT, DESCRIPTOR_BYTES, FREE_LIST_COUNT, MIN_BLOCK_SIZE } from "../../cluster/layout.ts";
import { type MeshPoint, manhattanDistance, nearestFirst } from "../../cluster/placement.ts";
import { coversBytes, type HeapSegment, segmentFault, segmentsOverlap } from "../../cluster/segment.ts";
import {
  anyValue,
  type Checks,
  describeValue,
  isUint32,
  readList,
  readOptions,
  requireCount,
  requireFunction,
} from "../../memory/arguments.ts";
import { KmemError, type KmemErrorCode } from "../../memory/errors.ts";
import { LinearMemory, type MemorySource } from "../../memory/memory.ts";
import type { IsGone } from "../../sync/lock.ts";
import { defaultConsole, type KernelConsole, requireConsole } from "../console.ts";
import type { GietCluster, GietConfig, GietVseg } from "./config.ts";

export { MIN_BLOCK_SIZE } from "../../cluster/layout.ts";
export { type KernelConsole, LogRing } from "../console.ts";
export type { GietCluster, GietConfig, GietVseg } from "./config.ts";

/** The type of a vseg that holds a kernel heap. */
export const VOBJ_TYPE_HEAP = "VOBJ_TYPE_HEAP";

const NULL = 0;

/** kernel_heap[x][y], as it stands in cluster [0][0] now. Addresses are virtual. */
export interface KernelHeap {
  /** First virtual address of the heap. */
  readonly heap_base: number;
  /** 0 where the cluster has no heap. */
  readonly heap_size: number;
  /** First virtual address of the table of allocated blocks. */
  readonly alloc_base: number;
  /** Bytes of that table. */
  readonly alloc_size: number;
  /** free[i] is the first free block of 2^i bytes, 0 when there is none. A copy. */
  readonly free: readonly number[];
}

/** Where a virtual address lies. */
export interface GietLocation {
  /** Column of the cluster. */
  readonly x: number;
  /** Row of the cluster. */
  readonly y: number;
  /** The cluster's memory. */
  readonly memory: MemorySource;
  /** Byte of that memory. */
  readonly offset: number;
}

/** What the original ends with: it prints its message and calls _exit(). The call that throws has changed nothing. */
export class GietError extends KmemError {
  /** The name of the class, as in messages. */
  override readonly name: string = "GietError";
}

/**
 * The kernel heaps of the GIET-VM page. A pointer is a virtual address, an unsigned int: `vseg.base` plus the distance
 * into the heap, so that it names its cluster by itself; `locate` and `bytes` translate it. NULL is 0. Messages stand
 * on the console without their line breaks. Any number of threads.
 */
export interface Giet {
  /** Columns of clusters. */
  readonly X_SIZE: number;
  /** Clusters of a column. */
  readonly Y_SIZE: number;
  /** Bytes of the smallest block. */
  readonly MIN_BLOCK_SIZE: 0x40;
  /** kernel_heap[X_SIZE][Y_SIZE]: views of the descriptors in cluster [0][0]. */
  readonly kernel_heap: readonly (readonly KernelHeap[])[];
  /**
   * Initialises all descriptors and heaps; one thread calls it before anybody allocates. Throws {@link GietError}, with
   * nothing changed, for a heap whose length is no power of two or whose base is not aligned. O(memory / 64).
   */
  _heap_init(): void;
  /**
   * A block of the smallest power of two from MIN_BLOCK_SIZE that holds `size` (0 to 2^32 - 1) in cluster [x][y],
   * aligned to its size. NULL when there is none, and for what is no unsigned int. Throws {@link GietError} for
   * coordinates out of range, a cluster without a heap and a damaged heap. O(log heap).
   */
  _remote_malloc(size: number, x: number, y: number): number;
  /**
   * As {@link _remote_malloc}, in the processor's own cluster, and where that has no heap or no room in the nearest one
   * that has: by steps along x and y, of equally near ones the lower x, then the lower y first. NULL when no cluster
   * has room. Not in the document: the original has it, and ends when its own cluster is full. O(clusters + log heap).
   */
  _malloc(size: number): number;
  /**
   * Frees a block by its address and merges it with its other halves. Not in the document: the original has it. Throws
   * {@link GietError} for what is not the start of an allocated block. O(free blocks of the sizes that merge).
   */
  _free(ptr: number): void;
  /** The cluster and the byte of its memory behind a virtual address of a heap, or undefined. O(clusters). */
  locate(ptr: number): GietLocation | undefined;
  /** The bytes of the allocated block that starts at `ptr`. Throws {@link GietError} where none does. */
  bytes(ptr: number): Uint8Array<ArrayBufferLike>;
  /** Verifies every invariant of every heap; reads only. Other threads must be at rest. O(memory / 64). */
  check(): { readonly isClean: boolean; readonly findings: readonly ClusterFinding[] };
}

/**
 * Binds the functions of the GIET-VM page to the clusters of a machine. Prints to `console`, a ring that echoes to
 * console.error unless another is given. Writes nothing: `_heap_init` does. Throws BAD_ARGUMENT for a config that is
 * no machine.
 */
export function giet(config: GietConfig, console: KernelConsole = defaultConsole()): Giet {
  requireConsole(console);
  return new Kernel(readConfig(config), console);
}

/** A cluster as it is bound: its entry in kernel_heap and, where it has one, its heap. */
interface Bound {
  readonly x: number;
  readonly y: number;
  readonly descriptor: Descriptor;
  readonly heap: ClusterHeap | undefined;
}

class Kernel implements Giet {
  readonly X_SIZE: number;
  readonly Y_SIZE: number;
  readonly MIN_BLOCK_SIZE: 0x40 = MIN_BLOCK_SIZE;
  readonly kernel_heap: readonly (readonly KernelHeap[])[];
  readonly #console: KernelConsole;
  readonly #kernelDataMemory: LinearMemory;
  readonly #kernelDataOffset: number;
  readonly #clusters: readonly (readonly Bound[])[];
  /** All clusters, the nearest to the processor first. */
  readonly #byDistance: readonly Bound[];

  constructor(config: GietConfig, console: KernelConsole) {
    const { clusters, processor = 0, cluster: home = { x: 0, y: 0 }, isGone } = config;
    this.#console = console;
    this.X_SIZE = clusters.length;
    this.Y_SIZE = clusters[0].length;
    if (!isIndex(home.x, this.X_SIZE) || !isIndex(home.y, this.Y_SIZE)) {
      const place = `[${describeValue(home.x)}][${describeValue(home.y)}]`;
      const text = `the processor is in a cluster that there is, not in ${place}`;
      throw new KmemError("BAD_ARGUMENT", text, { cluster: home });
    }
    const memories = clusters.map((column) => column.map(({ memory }) => new LinearMemory(memory)));
    const segments = clusters.map((column, x) => column.map((cluster, y) => heapSegment(cluster, memories[x][y])));
    this.#kernelDataMemory = memories[0][0];
    this.#kernelDataOffset = config.kernel_data === undefined ? behind(segments[0][0]) : config.kernel_data;
    this.#requireKernelData();
    const isOwnerGone = isGone && ((owner: number): boolean => owner > 0 && isGone(owner - 1));
    this.#clusters = segments.map((column, x) =>
      column.map((segment, y) => this.#bindCluster(x, y, segment, processor + 1, isOwnerGone)),
    );
    const bound = this.#clusters.flat();
    this.#byDistance = nearestFirst(bound.map((cluster) => manhattanDistance(home, cluster))).map(
      (place) => bound[place],
    );
    this.kernel_heap = this.#clusters.map((column) => column.map(({ descriptor }) => new KernelHeapView(descriptor)));
  }

  readonly _heap_init = (): void => {
    this.#kernelDataMemory.refresh();
    const bound = this.#clusters.flat();
    for (const cluster of bound) this.#verifySegment(cluster, bound);
    for (const { descriptor, heap } of bound) {
      descriptor.clear();
      heap?.init();
    }
  };

  readonly _remote_malloc = (size: number, x: number, y: number): number => {
    if (!isIndex(x, this.X_SIZE)) this.#fail("BAD_ARGUMENT", "_remote_malloc() : x coordinate too large");
    if (!isIndex(y, this.Y_SIZE)) this.#fail("BAD_ARGUMENT", "_remote_malloc() : y coordinate too large");
    const { descriptor, heap } = this.#clusters[x][y];
    descriptor.memory.refresh();
    if (heap === undefined || descriptor.heapSize === 0) {
      this.#fail("BAD_ARGUMENT", `_remote_malloc() : No heap[${x}][${y}]`);
    }
    if (!this.#isSize("_remote_malloc", size)) return NULL;
    const result = this.#allocIn(heap, size, x, y);
    if (result === NULL) this.#print(`in _remote_malloc() : no more space in kernel_heap[${x}][${y}]`);
    return result;
  };

  readonly _malloc = (size: number): number => {
    this.#kernelDataMemory.refresh();
    const withHeap = this.#byDistance.filter(({ descriptor }) => descriptor.heapSize !== 0);
    if (withHeap.length === 0) this.#fail("BAD_ARGUMENT", "_malloc() : No heap in any cluster");
    if (!this.#isSize("_malloc", size)) return NULL;
    for (const { x, y, heap } of withHeap) {
      const result = heap === undefined ? NULL : this.#allocIn(heap, size, x, y);
      if (result !== NULL) return result;
    }
    this.#print("in _malloc() : no more space in any kernel_heap");
    return NULL;
  };

  readonly _free = (ptr: number): void => {
    const cluster = this.#clusterOf(ptr);
    const verdict: FreeVerdict = cluster?.heap?.free(ptr) ?? "illegal";
    if (verdict === "freed") return;
    if (verdict === "illegal" || cluster === undefined) {
      this.#fail("INVALID_FREE", "in _free() : illegal pointer for released block", { ptr });
    }
    const { x, y } = cluster;
    this.#fail("INVALID_FREE", `in _free() : released block ${hexDigits(ptr)} ${verdict} in kernel_heap[${x}][${y}]`, {
      ptr,
      x,
      y,
    });
  };

  readonly locate = (ptr: number): GietLocation | undefined => {
    const cluster = this.#clusterOf(ptr);
    if (cluster?.heap === undefined) return undefined;
    const { base, offset, memory } = cluster.heap.segment;
    return { x: cluster.x, y: cluster.y, memory: memory.source, offset: ptr - base + offset };
  };

  readonly bytes = (ptr: number): Uint8Array<ArrayBufferLike> => {
    const heap = this.#clusterOf(ptr)?.heap;
    const blockBytes = heap?.blockBytes(ptr) ?? 0;
    if (heap === undefined || blockBytes === 0) {
      this.#fail("INVALID_ADDRESS", `in bytes() : no block starts at ${hexDigits(ptr)}`, { ptr });
    }
    const { base, offset, memory } = heap.segment;
    return memory.bytes.subarray(ptr - base + offset, ptr - base + offset + blockBytes);
  };

  readonly check = (): { readonly isClean: boolean; readonly findings: readonly ClusterFinding[] } => {
    const findings = this.#clusters.flat().flatMap(({ heap }) => heap?.check() ?? []);
    return { isClean: findings.length === 0, findings };
  };

  #bindCluster(x: number, y: number, segment: HeapSegment | undefined, owner: number, isGone?: IsGone): Bound {
    const address = this.#kernelDataOffset + (x * this.Y_SIZE + y) * DESCRIPTOR_BYTES;
    const heap = segment && new ClusterHeap(this.#kernelDataMemory, address, segment, owner, isGone);
    return { x, y, descriptor: heap?.descriptor ?? new Descriptor(this.#kernelDataMemory, address), heap };
  }

  get #kernelDataBytes(): number {
    return this.X_SIZE * this.Y_SIZE * DESCRIPTOR_BYTES;
  }

  #requireKernelData(): void {
    const offset = this.#kernelDataOffset;
    const { byteLength } = this.#kernelDataMemory;
    if (isUint32(offset) && offset % DESCRIPTOR_ALIGNMENT === 0 && offset + this.#kernelDataBytes <= byteLength) return;
    throw new KmemError(
      "BAD_ARGUMENT",
      `kernel_heap[${this.X_SIZE}][${this.Y_SIZE}] needs ${this.#kernelDataBytes} bytes at a multiple of ` +
        `${DESCRIPTOR_ALIGNMENT} in cluster [0][0], and byte ${describeValue(offset)} of ${byteLength} has no such room`,
      { kernel_data: offset, byteLength },
    );
  }

  #verifySegment({ x, y, heap }: Bound, all: readonly Bound[]): void {
    if (heap === undefined) return;
    const { segment } = heap;
    const overlaps = (): boolean =>
      coversBytes(segment, this.#kernelDataMemory, this.#kernelDataOffset, this.#kernelDataBytes) ||
      all.some(
        (other) => other.heap !== undefined && other.heap !== heap && segmentsOverlap(segment, other.heap.segment),
      );
    const fault = segmentFault(segment) ?? (overlaps() ? "overlaps another segment" : undefined);
    if (fault === undefined) return;
    this.#fail("BAD_GEOMETRY", `in _heap_init() kernel_heap[${x},${y}] ${fault}`, { x, y });
  }

  /** The cluster whose heap a virtual address lies in. Any value is allowed. */
  #clusterOf(ptr: number): Bound | undefined {
    this.#kernelDataMemory.refresh();
    return this.#clusters.flat().find(({ descriptor: { heapBase, heapSize }, heap }) => {
      return isUint32(ptr) && heap !== undefined && ptr >= heapBase && ptr < heapBase + heapSize;
    });
  }

  #isSize(caller: string, size: number): boolean {
    if (Number.isInteger(size) && size >= 0) return true;
    this.#print(`in ${caller}() : illegal size ${describeValue(size)}`);
    return false;
  }

  #allocIn(heap: ClusterHeap, size: number, x: number, y: number): number {
    const result = heap.alloc(size);
    return typeof result === "number" ? result : this.#failDamaged(result, x, y);
  }

  #print(message: string): void {
    this.#console.print(`[GIET ERROR] ${message}`);
  }

  #failDamaged({ block, isMarkedAllocated }: DamagedBlock, x: number, y: number): never {
    const state = isMarkedAllocated ? "already allocated..." : "not a block of this heap";
    const text = `in _remote_malloc() for heap[${x}][${y}] selected block ${hexDigits(block)} ${state}`;
    this.#fail("INVALID_ADDRESS", text, { block, x, y });
  }

  #fail(code: KmemErrorCode, message: string, details: Record<string, unknown> = {}): never {
    this.#print(message);
    throw new GietError(code, `[GIET ERROR] ${message}`, details);
  }
}

class KernelHeapView implements KernelHeap {
  readonly #descriptor: Descriptor;

  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
  }

  get heap_base(): number {
    return this.#current.heapBase;
  }

  get heap_size(): number {
    return this.#current.heapSize;
  }

  get alloc_base(): number {
    return this.#current.allocBase;
  }

  get alloc_size(): number {
    return this.#current.allocSize;
  }

  get free(): readonly number[] {
    const descriptor = this.#current;
    return Array.from({ length: FREE_LIST_COUNT }, (_, shift) => descriptor.free(shift));
  }

  get #current(): Descriptor {
    this.#descriptor.memory.refresh();
    return this.#descriptor;
  }
}

const CONFIG_CHECKS: Checks<GietConfig> = {
  clusters: anyValue,
  kernel_data: anyValue,
  processor: requireCount,
  cluster: anyValue,
  isGone: requireFunction,
};
const PLACE_CHECKS: Checks<MeshPoint> = { x: anyValue, y: anyValue };
const CLUSTER_CHECKS: Checks<GietCluster> = { memory: anyValue, vsegs: anyValue };
const VSEG_CHECKS: Checks<GietVseg> = { type: anyValue, base: anyValue, length: anyValue, offset: anyValue };

/** A copy of the whole config, so that nothing of the caller's runs later. Throws BAD_ARGUMENT. */
function readConfig(given: GietConfig): GietConfig {
  const config = readOptions("config", given, CONFIG_CHECKS);
  const columns = readList("clusters", config.clusters).map((column) => readList("a column", column).map(readCluster));
  const height = columns[0]?.length ?? 0;
  if (height === 0 || !columns.every((column) => column.length === height)) {
    throw new KmemError("BAD_ARGUMENT", "clusters is no rectangle: [X_SIZE] columns of [Y_SIZE] clusters each", {});
  }
  const { cluster } = config;
  if (cluster === undefined) return { ...config, clusters: columns };
  return { ...config, clusters: columns, cluster: readOptions("cluster", cluster, PLACE_CHECKS) };
}

function readCluster(given: unknown): GietCluster {
  const cluster = readOptions("a cluster", given as GietCluster, CLUSTER_CHECKS);
  if (cluster.vsegs === undefined) return cluster;
  const vsegs = readList("vsegs", cluster.vsegs).map((vseg) => readOptions("a vseg", vseg as GietVseg, VSEG_CHECKS));
  return { ...cluster, vsegs };
}

function heapSegment({ vsegs = [] }: GietCluster, memory: LinearMemory): HeapSegment | undefined {
  const vseg = vsegs.find(({ type }) => type === VOBJ_TYPE_HEAP);
  return vseg && { base: vseg.base, length: vseg.length, memory, offset: vseg.offset ?? 0 };
}

/** The first aligned byte after a segment; 0 for none, and for one that _heap_init is to refuse. */
function behind(segment: HeapSegment | undefined): number {
  if (segment === undefined || !Number.isInteger(segment.offset) || !Number.isInteger(segment.length)) return 0;
  const end = segment.offset + segment.length;
  return end > 0 && end <= segment.memory.byteLength ? Math.ceil(end / DESCRIPTOR_ALIGNMENT) * DESCRIPTOR_ALIGNMENT : 0;
}

function isIndex(value: number, size: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < size;
}

/** A value as the GIET's %X prints it. */
function hexDigits(value: number): string {
  return Number.isInteger(value) ? value.toString(16).toUpperCase() : describeValue(value);
}
