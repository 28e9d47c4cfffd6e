import type { Layers } from "../kmalloc/layers.ts";
import { badArgument, reading } from "../memory/arguments.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { bindFastPath, type FastPath } from "../slab/fast-path.ts";
import { NODE_AREA_BYTES } from "./layout.ts";
import { NodeArea } from "./node-area.ts";
import { Supply } from "./node-supply.ts";

/** The fast path of a view pops blocks and does nothing else: its slow half, and its frees, are the heap's. */
const NO_SLOW_PATH = { alloc: (): number => 0, free: (): void => {} };

/**
 * A node as a thread sees it beside its heap: the area, the supply, and a way to the thread's sheaves that ends where
 * they do. Views and constants, no state.
 */
export class NodeView {
  readonly layers: Layers;
  readonly area: NodeArea;
  readonly supply: Supply;
  #fast: FastPath;
  #isOpen = true;

  private constructor(layers: Layers, area: NodeArea) {
    this.layers = layers;
    this.area = area;
    this.supply = new Supply(layers.memory, layers.geometry);
    this.#fast = this.#bind();
  }

  /** The view of a node whose heap has just been made; formats its area. */
  static create(layers: Layers, node: number, nodeCount: number): NodeView {
    return new NodeView(layers, NodeArea.create(layers.memory, areaAddress(layers), node, nodeCount));
  }

  /** The view of a node. Throws NOT_A_HEAP unless the area before its heap is that of this node. */
  static attach(layers: Layers, node: number, nodeCount: number): NodeView {
    return new NodeView(layers, NodeArea.attach(layers.memory, areaAddress(layers), node, nodeCount));
  }

  /** Throws BAD_ARGUMENT for what are no opened nodes: a machine is made by `Nodes.create` or `Nodes.attach`. */
  static requireOpened(nodes: readonly { readonly view: NodeView }[], home: number): void {
    if (reading("nodes", nodes, () => nodes[home].view instanceof NodeView)) return;
    throw badArgument("nodes", "a machine's: it is made by create or attach", nodes);
  }

  /** Pops a block from the thread's sheaf; 0 where that is empty, for large sizes and for what is no size. O(1). */
  take(sizeBytes: number): number {
    return this.#isOpen ? this.#fast.take(sizeBytes) : 0;
  }

  /** The function behind {@link take}: good until the slot is given back, and until memory that is not shared grows. */
  get fastTake(): (sizeBytes: number) => number {
    return this.#fast.take;
  }

  /** Binds the fast path again where growth has detached it; returns whether it had. */
  rebindIfStale(): boolean {
    if (!this.#isOpen || !this.#fast.isStale()) return false;
    this.layers.memory.refresh();
    this.#fast = this.#bind();
    return true;
  }

  /** Ends the fast path, before the slot is given back. */
  close(): void {
    this.#isOpen = false;
  }

  #bind(): FastPath {
    const { memory, geometry, sheaves, slot } = this.layers;
    // How blocks are freed makes no difference to how they are taken.
    return bindFastPath({ memory, geometry, areaWord: sheaves.areaWord, slot, hasExactFrees: false }, NO_SLOW_PATH);
  }
}

/** The area's first byte: it ends where the heap begins. */
function areaAddress({ geometry }: Layers): number {
  return geometry.baseFrame * PAGE_SIZE - NODE_AREA_BYTES;
}
