import { nearestFirst } from "../cluster/placement.ts";
import { layersOf } from "../heap/access.ts";
import type { ViewType } from "../heap/block-view.ts";
import { checkHeap } from "../heap/check.ts";
import type { HeapHandle } from "../heap/handle.ts";
import { Heap } from "../heap/heap.ts";
import { heapStats } from "../heap/inspect.ts";
import type { HeapOptions } from "../heap/options.ts";
import { watchWorker } from "../heap/recovery.ts";
import type { WatchedWorker, WatchOptions } from "../heap/watch.ts";
import { requireSize } from "../kmalloc/kmalloc.ts";
import { badArgument } from "../memory/arguments.ts";
import { clear } from "../memory/clear.ts";
import type { Registration } from "../memory/dispose.ts";
import { type KmemErrorCode, OutOfMemoryError } from "../memory/errors.ts";
import { FirstError } from "../memory/first-error.ts";
import { atNode, badAddress, joinAddress, splitAddress } from "./address.ts";
import { CounterField } from "./layout.ts";
import { heapStart, openAll, requireNode } from "./machine.ts";
import { NodeView } from "./node-view.ts";
import type { AllocOnOptions, NodesHandle, NodesOptions } from "./options.ts";
import { isThisNode, readHandle, readHome, readMachine } from "./options.ts";
import { type NodeShortage, NodesOutOfMemoryError } from "./out-of-memory.ts";
import type { NodeFinding, NodeStats } from "./reports.ts";
import { reserveAll, watchAll } from "./threads.ts";

/** A node as this thread works on it. */
interface Node {
  readonly heap: Heap;
  readonly view: NodeView;
}

/** A request for memory: what is asked of a heap, and which heaps may be asked. */
interface Request {
  readonly sizeBytes: number;
  /** The node that it is wanted of. */
  readonly node: number;
  readonly thisNode?: boolean;
  /** The thread's sheaves have been asked already, or have no such blocks. */
  readonly isBelowSheaves?: boolean;
  /** Asks a heap; throws where that would have to go below its lowest watermark. */
  readonly ask: (heap: Heap) => number;
}

/**
 * Nodes: a heap each, with locks, zones and watermarks of its own. A thread takes memory of its home node first and of
 * others by distance, so that threads of different nodes meet at no lock. An address names its node: node * 2^32 + the
 * byte of its memory, an ordinary number; 0 is null. All state is in the memories. Any number of threads, each with a
 * `Nodes` of its own; any thread frees what any other allocated. An allocation or a free that throws
 * leaves every live block as it was; what `create`, `trim` and `detach` leave, they say.
 */
export class Nodes {
  /**
   * Allocates `sizeBytes` (0 to 2^32 - 1), aligned to 16: at home, or else on the nearest node that has room. The first
   * round asks the nodes that keep their low watermark, the second all that keep their lowest. Throws
   * BAD_SIZE, or {@link NodesOutOfMemoryError} with the figures of all nodes, whose idle memory may have been reclaimed
   * by then. O(1) at home as a rule, else O(nodes).
   */
  alloc!: (sizeBytes: number) => number;
  /**
   * Frees a live block of any node; 0 does nothing. Throws DOUBLE_FREE or INVALID_FREE as the node's heap does, and
   * names the node, for every other value. O(1).
   */
  free!: (address: number) => void;
  /** The node that this thread runs on. */
  readonly home: number;
  /** What another thread attaches to. */
  readonly handle: NodesHandle;

  readonly #nodes: readonly Node[];
  readonly #distances: readonly (readonly number[])[];
  /** For each node, all nodes by distance from it; made when first wanted. */
  readonly #orders: (readonly number[])[] = [];
  #isDetached = false;

  private constructor(nodes: readonly Node[], distances: readonly (readonly number[])[], home: number) {
    NodeView.requireOpened(nodes, home);
    this.#nodes = nodes;
    this.home = home;
    this.#distances = distances.map((row) => [...row]);
    this.handle = { nodes: nodes.map(({ heap }) => heap.handle), distances: distances.map((row) => [...row]) };
    this.#bind();
  }

  /** Binds the ways that most calls take: blocks of the thread's sheaves at home, and nothing counted. */
  #bind(): void {
    const { home } = this;
    const { heap, view } = this.#nodes[home];
    const take = view.fastTake;
    const base = joinAddress(home, 0);
    this.alloc = (sizeBytes) => {
      const offset = take(sizeBytes);
      return offset !== 0 ? base + offset : this.#slowAlloc(sizeBytes);
    };
    this.free = (address) => {
      if (typeof address !== "number") return this.#freeElsewhere(address);
      const offset = address - base;
      if (offset >>> 0 !== offset || offset === 0 || base + offset !== address) return this.#freeElsewhere(address);
      try {
        heap.free(offset);
      } catch (error) {
        throw atNode(error, home, address);
      }
    };
  }

  /**
   * Makes a machine. Throws BAD_ARGUMENT for options that are not valid before it writes anything, and what
   * {@link Heap.create} throws; memories of yours for the nodes before the one at fault have been formatted then.
   */
  static create(options: NodesOptions): Nodes {
    const { nodes, distances, home } = readMachine(options);
    const open = (options: HeapOptions, node: number): Node => {
      const heap = Heap.create({ ...options, start: heapStart(options.start) });
      return { heap, view: NodeView.create(layersOf(heap), node, nodes.length) };
    };
    return new Nodes(openAll(nodes, open, leave), distances, home);
  }

  /**
   * Joins a machine that another thread has made, as a thread that runs on node `home`. Throws BAD_ARGUMENT, what
   * {@link Heap.attach} throws, NOT_A_HEAP for heaps that are not those nodes, with nothing changed.
   */
  static attach(handle: NodesHandle, options: { readonly home: number }): Nodes {
    const { nodes, distances } = readHandle(handle);
    const nodeCount = nodes.length;
    const home = readHome(options, nodeCount);
    const open = (heapHandle: HeapHandle, node: number): Node => {
      const heap = Heap.attach(heapHandle);
      try {
        return { heap, view: NodeView.attach(layersOf(heap), node, nodeCount) };
      } catch (error) {
        heap.detach();
        throw error;
      }
    };
    return new Nodes(openAll(nodes, open, leave), distances, home);
  }

  /** Nodes of the machine. */
  get count(): number {
    return this.#nodes.length;
  }

  /** As {@link alloc}, but returns 0 when there is no memory, and a third round may use the nodes' reserves. */
  tryAlloc(sizeBytes: number): number {
    const offset = this.#nodes[this.home].view.take(sizeBytes);
    if (offset !== 0) return joinAddress(this.home, offset);
    const request = this.#blocks(this.home, sizeBytes);
    const address = this.#place(request);
    if (address !== 0) return address;
    for (const node of this.#order(this.home)) {
      const found = this.#nodes[node].heap.tryAlloc(sizeBytes);
      if (found !== 0) return this.#counted(request, node, found);
    }
    return 0;
  }

  /**
   * As {@link alloc}, but of `node` first and of others by distance from it; with `thisNode`, of no other. Throws as
   * {@link alloc} does, and BAD_ARGUMENT for a node that there is not.
   */
  allocOn(node: number, sizeBytes: number, options?: AllocOnOptions): number {
    requireNode("node", node, this.count);
    const thisNode = isThisNode(options);
    const offset = this.#nodes[node].view.take(sizeBytes);
    if (offset !== 0) return joinAddress(node, offset);
    return this.#placeOrThrow({ ...this.#blocks(node, sizeBytes), thisNode });
  }

  /** As {@link alloc} of `count` times `sizeBytes`, all zero. BAD_SIZE when the product leaves 32 bits. O(bytes). */
  calloc(count: number, sizeBytes: number): number {
    requireSize(count);
    requireSize(sizeBytes);
    const totalBytes = count * sizeBytes;
    requireSize(totalBytes);
    const address = this.alloc(totalBytes);
    const { node, offset } = this.#require("INVALID_ADDRESS", "cannot clear", address);
    const { memory, geometry } = layersOf(this.#nodes[node].heap);
    memory.refresh();
    clear(memory, geometry, offset, totalBytes);
    return address;
  }

  /** As {@link alloc}, at a multiple of `alignmentBytes` in the node's memory. Throws BAD_ALIGNMENT too. */
  alignedAlloc(alignmentBytes: number, sizeBytes: number): number {
    const ask = (heap: Heap): number => heap.alignedAlloc(alignmentBytes, sizeBytes);
    return this.#placeOrThrow({ sizeBytes, node: this.home, isBelowSheaves: true, ask });
  }

  /**
   * Gives the block at `address` a new size. It stays on its node while that has room, else it moves to the one nearest
   * to where it was. `address` 0 allocates. Throws as {@link alloc}, and INVALID_ADDRESS; the old block survives every
   * failure. O(1) or O(bytes moved).
   */
  realloc(address: number, sizeBytes: number): number {
    requireSize(sizeBytes);
    if (address === 0) return this.alloc(sizeBytes);
    const node = this.nodeOf(address);
    try {
      return this.#at(address, (heap, offset) => joinAddress(node, heap.realloc(offset, sizeBytes)));
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    const moved = this.#placeOrThrow(this.#blocks(node, sizeBytes));
    this.u8(moved).set(this.u8(address));
    this.free(address);
    return moved;
  }

  /** Bytes that the live block at `address` can hold. Throws INVALID_ADDRESS. O(1). */
  usableSize(address: number): number {
    return this.#at(address, (heap, offset) => heap.usableSize(offset));
  }

  /** The node that an address is of. Throws INVALID_ADDRESS for null and where there is no such node. O(1). */
  nodeOf(address: number): number {
    return this.#require("INVALID_ADDRESS", "no node has", address).node;
  }

  /** A typed view of `length` elements of a live block; see {@link Heap.view}. Throws INVALID_ADDRESS. */
  view<View>(type: ViewType<View>, address: number, length: number): View {
    return this.#at(address, (heap, offset) => heap.view(type, offset, length));
  }

  /** The bytes of a live block, all that it can hold unless `length` says fewer. */
  u8(address: number, length?: number): Uint8Array<ArrayBufferLike> {
    return this.#at(address, (heap, offset) => heap.u8(offset, length));
  }

  /** Signed 32-bit words of a live block. */
  i32(address: number, length?: number): Int32Array<ArrayBufferLike> {
    return this.#at(address, (heap, offset) => heap.i32(offset, length));
  }

  /** Unsigned 32-bit words of a live block. */
  u32(address: number, length?: number): Uint32Array<ArrayBufferLike> {
    return this.#at(address, (heap, offset) => heap.u32(offset, length));
  }

  /** Doubles of a live block. */
  f64(address: number, length?: number): Float64Array<ArrayBufferLike> {
    return this.#at(address, (heap, offset) => heap.f64(offset, length));
  }

  /** Each node's counters, as Linux's numastat has them, and its heap's figures. O(pages). */
  stats(): readonly NodeStats[] {
    return this.#nodes.map(({ heap, view }, node) => ({ node, ...view.area.counts(), heap: heapStats(heap) }));
  }

  /** Verifies every invariant of every node. Reads only; other threads must be at rest. O(heaps). */
  check(): { readonly isClean: boolean; readonly findings: readonly NodeFinding[] } {
    const findings = this.#nodes.flatMap(({ heap, view }, node): NodeFinding[] => [
      ...checkHeap(heap).findings.map((finding) => ({ node, ...finding })),
      ...view.area
        .check(node, this.count)
        .map((problem) => ({ node, layer: "node" as const, address: view.area.address, problem })),
    ]);
    return { isClean: findings.length === 0, findings };
  }

  /** Gives what this thread keeps for speed back to all nodes; returns the pages that became free. */
  trim(): number {
    return this.#onAll(({ heap }) => heap.trim());
  }

  /** Leaves the machine: all that this thread keeps goes back, and its slots are free. Later calls throw DETACHED. */
  detach(): void {
    this.#isDetached = true;
    this.alloc = (sizeBytes) => this.#slowAlloc(sizeBytes);
    this.#onAll((node) => {
      leave(node);
      return 0;
    });
  }

  /** As {@link detach}, once: for `using nodes = …`, and a finally block. */
  dispose(): void {
    if (!this.#isDetached) this.detach();
  }

  /** As `dispose`, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Does something on all nodes, whatever destructors throw, and throws the first error at the end; adds up. */
  #onAll(action: (node: Node) => number): number {
    const errors = new FirstError();
    let sum = 0;
    for (const node of this.#nodes) {
      errors.run(() => {
        sum += action(node);
      });
    }
    errors.rethrow();
    return sum;
  }

  /**
   * A handle for one thread, with a slot on each node that is reserved for it: give it to the worker and to
   * {@link watch}. Throws NO_SLOT, with nothing changed, when every slot of a node is held.
   */
  reserve(): NodesHandle {
    return {
      ...this.handle,
      distances: this.#distances.map((row) => [...row]),
      nodes: reserveAll(this.#nodes.map(({ heap }) => heap)),
    };
  }

  /** Recovers on all nodes as soon as a worker has ended without {@link detach}: see `watchWorker`. */
  watch(worker: WatchedWorker, handle: NodesHandle, options: WatchOptions = {}): Registration {
    const { nodes } = readHandle(handle);
    if (nodes.length !== this.count) throw badArgument("handle", `one of these ${this.count} nodes`, handle);
    return watchAll(this.#nodes, ({ heap }, node) => watchWorker(heap, worker, nodes[node], options));
  }

  #slowAlloc(sizeBytes: number): number {
    const { view } = this.#nodes[this.home];
    if (view.rebindIfStale()) {
      this.#bind();
      return this.alloc(sizeBytes);
    }
    return this.#placeOrThrow(this.#blocks(this.home, sizeBytes));
  }

  /** Frees a block of another node, and refuses what is no address. */
  #freeElsewhere(address: number): void {
    if (address !== 0) this.#at(address, (heap, offset) => heap.free(offset), "INVALID_FREE", "cannot free");
  }

  #blocks(node: number, sizeBytes: number): Request {
    return { sizeBytes, node, ask: (heap) => heap.alloc(sizeBytes) };
  }

  #placeOrThrow(request: Request): number {
    const shortages: NodeShortage[] = [];
    const address = this.#place(request, shortages);
    if (address === 0) throw new NodesOutOfMemoryError(request.sizeBytes, shortages);
    return address;
  }

  /** Looks for memory as Linux goes through its zonelist, in two rounds; 0 where there is none. */
  #place(request: Request, shortages: NodeShortage[] = []): number {
    requireSize(request.sizeBytes);
    const order = request.thisNode === true ? [request.node] : this.#order(request.node);
    for (const node of order) {
      const { view } = this.#nodes[node];
      view.rebindIfStale();
      const popped = request.isBelowSheaves === true ? 0 : view.take(request.sizeBytes);
      if (popped !== 0) return joinAddress(node, popped);
      const offset = view.supply.isAmple(request.sizeBytes) ? this.#ask(node, request) : 0;
      if (offset !== 0) return this.#counted(request, node, offset);
    }
    for (const node of order) {
      const offset = this.#ask(node, request, shortages);
      if (offset !== 0) return this.#counted(request, node, offset);
    }
    return 0;
  }

  /** Asks one node; 0 where it has no room. */
  #ask(node: number, { ask }: Request, shortages?: NodeShortage[]): number {
    try {
      return ask(this.#nodes[node].heap);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      const { freeBytes, largestFreeRunBytes } = error;
      shortages?.push({ node, freeBytes, largestFreeRunBytes });
      return 0;
    }
  }

  /** Counts a request that went below the sheaves, as Linux's zone_statistics does; returns the address. */
  #counted(request: Request, node: number, offset: number): number {
    this.#count(node, node === request.node ? CounterField.HIT : CounterField.MISS);
    if (node !== request.node) this.#count(request.node, CounterField.FOREIGN);
    this.#count(node, node === this.home ? CounterField.LOCAL : CounterField.OTHER);
    return joinAddress(node, offset);
  }

  #count(node: number, field: number): void {
    const { heap, view } = this.#nodes[node];
    view.area.count(heap.slot, field);
  }

  #order(node: number): readonly number[] {
    this.#orders[node] ??= nearestFirst(this.#distances[node]);
    return this.#orders[node];
  }

  #require(code: KmemErrorCode, action: string, address: number): { node: number; offset: number } {
    const place = splitAddress(address, this.count);
    if (place === undefined) throw badAddress(code, action, address, this.count);
    return place;
  }

  /** Does something at an address, on its node's heap. Errors name the node. */
  #at<Result>(
    address: number,
    action: (heap: Heap, offset: number) => Result,
    code: KmemErrorCode = "INVALID_ADDRESS",
    verb: string = "no live block starts at",
  ): Result {
    const { node, offset } = this.#require(code, verb, address);
    try {
      return action(this.#nodes[node].heap, offset);
    } catch (error) {
      throw atNode(error, node, address);
    }
  }
}

/** Ends a thread's work on a node. */
function leave({ heap, view }: Node): void {
  view.close();
  heap.detach();
}
