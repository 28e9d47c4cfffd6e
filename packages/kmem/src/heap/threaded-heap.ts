import { reserveSlot } from "../kmalloc/attach.ts";
import { type CheckReport, checkLayers } from "../kmalloc/check.ts";
import type { Layers } from "../kmalloc/layers.ts";
import {
  type DeathCleanup,
  ownerOfAddress,
  type ReapOptions,
  type ReapReport,
  reapSlot,
  transfer,
} from "../kmalloc/reap.ts";
import { type SlotStats, slotStats } from "../kmalloc/slot-stats.ts";
import { requireObject } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { type Finding, foldFindings } from "../memory/finding.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import type { RepairStep } from "../repair/log.ts";
import { type RepairReport, repairHeap, withDone } from "../repair/repair.ts";
import { reservationOf } from "../sync/reservation.ts";
import { heapId } from "./attachment.ts";
import { type HeapHandle, makeHandle, openHandle } from "./handle.ts";
import { type WatchedWorker, type WatchOptions, watchWorker } from "./watch.ts";

/** What a check finds of a heap whose bytes are gone. */
function bufferLost(problem: string, address: number): CheckReport {
  return { isClean: false, findings: [{ layer: "header", address, problem }] };
}

function handleOf(layers: Layers): HeapHandle {
  const { memory, geometry } = layers;
  return makeHandle(memory, geometry.baseFrame * PAGE_SIZE, heapId(layers) ?? 0);
}

/** What a heap knows of the threads that share it: whose what is, and what becomes of it when one of them dies. */
export abstract class ThreadedHeap {
  /** What the faces of the documents stand on; it is not for users. */
  abstract readonly layers: Layers;

  /** The layers as they are now, for whoever is to change something; throws DETACHED. */
  protected abstract current(): Layers;

  /** As {@link current}, whether the slot is still this thread's or not, and whether the buffer still has bytes. */
  protected abstract seen(): Layers;

  /** As {@link current}, to look at: the slot need not be this thread's any more. */
  protected viewed(): Layers {
    const layers = this.seen();
    if (layers.memory.isLost) throw layers.memory.lost();
    return layers;
  }

  /**
   * Verifies every invariant of every layer and lists what is broken; of a buffer that was transferred away, or made
   * shorter, that alone. O(heap). Reads only.
   */
  check(): CheckReport {
    const { memory, geometry } = this.layers;
    if (memory.isLost) return bufferLost(memory.lost().message, geometry.baseFrame * PAGE_SIZE);
    const findings = this.findings();
    return { isClean: findings.length === 0, findings: foldFindings(findings) };
  }

  /** All that {@link check} finds, one by one. */
  protected findings(): Finding[] {
    return [...checkLayers(this.viewed()).findings];
  }

  /**
   * Repairs whatever is damaged, while this thread and all others are at rest. Live blocks stay where they are; what
   * may be in use is kept; free lists, sheaves and counts are made anew. Throws where not even the header can be
   * restored. O(heap).
   */
  repair(): RepairReport {
    const before = this.findings();
    const steps: RepairStep[] = [...this.repairRoots()];
    steps.push(...repairHeap(this.viewed()).steps, ...this.repairBlocks());
    const remaining = foldFindings(this.findings());
    return { isRepaired: remaining.length === 0, findings: foldFindings(withDone(before, steps)), steps, remaining };
  }

  /** Repairs what a heap has beside its layers and what the repair of those would take for nobody's. */
  protected repairRoots(): readonly RepairStep[] {
    return [];
  }

  /** Repairs what a heap has around its blocks, once its layers are sound. */
  protected repairBlocks(): readonly RepairStep[] {
    return [];
  }

  /** What another thread needs to attach; it goes through postMessage. */
  get handle(): HeapHandle {
    const layers = this.current();
    layers.sync.beacon.begin();
    return handleOf(layers);
  }

  /**
   * A handle for one thread, with a slot that is reserved for it, so that it can be watched from its first instruction
   * on: give it to the worker and to {@link watch}. Throws NO_SLOT when every slot is held, or was by a thread that is
   * gone and has left blocks, which wait for {@link reap}.
   */
  reserve(): HeapHandle {
    const layers = this.current();
    layers.sync.beacon.begin();
    const place = reservationOf(layers.slots, reserveSlot(layers));
    return { ...handleOf(layers), place };
  }

  /**
   * Recovers as soon as a worker has ended without `detach`, however that came about: see {@link reap}. `handle` is
   * from {@link reserve}, and the worker attaches with it. The result ends the watch. In Node by the worker's exit
   * event, and even while this thread waits for a lock that the worker holds; in a browser by a Web Lock that the
   * worker takes. One that has ended already is recovered from at once. Throws BAD_ARGUMENT for a worker or options
   * that are none and for a handle of another heap, and NO_SLOT where the handle's slot is not its worker's any more.
   */
  watch(worker: WatchedWorker, handle: HeapHandle, options: WatchOptions = {}): () => void {
    requireObject("handle", handle);
    const { memory, place } = openHandle(handle);
    if (place === undefined) {
      throw new KmemError("BAD_ARGUMENT", "to watch a worker takes a handle from heap.reserve()", {});
    }
    return watchWorker(this.current(), worker, { memory, place }, options, (slot, how) => this.reap(slot, how));
  }

  /**
   * Recovers from the death of the thread that had a slot: repairs what it left half done, takes back its caches and
   * its locks, and keeps, frees or gives on its blocks. Only for a thread that is gone for certain: one that runs on
   * corrupts the heap. Any thread may call it, several at once, and again after one that died in it. Throws
   * BAD_ARGUMENT. O(heap).
   */
  reap(slot: number, options: ReapOptions = {}): ReapReport {
    return reapSlot(this.current(), slot, options, this.cleanup());
  }

  /** Of a heap whose blocks have more around them than the layers below know: see {@link DeathCleanup}. */
  protected cleanup(): DeathCleanup | undefined {
    return undefined;
  }

  /** The slot that a live block, or a run of pages of `pages`, belongs to; undefined for every other address. O(1). */
  owner(address: number): number | undefined {
    return ownerOfAddress(this.current(), address);
  }

  /**
   * Makes a live block or a run of pages another slot's, so that it outlives the thread that allocated it. Throws
   * INVALID_ADDRESS, and BAD_ARGUMENT for a slot that no thread holds. O(1).
   */
  transfer(address: number, slot: number): void {
    transfer(this.current(), address, slot);
  }

  /** What each slot that is not free has: its state, its live blocks, its pages, its caches. O(heap). */
  slotStats(): readonly SlotStats[] {
    return slotStats(this.current());
  }
}
