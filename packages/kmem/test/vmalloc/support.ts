import { expect } from "vitest";
import { checkLayers } from "../../src/kmalloc/check.ts";
import type { Layers } from "../../src/kmalloc/layers.ts";
import { createLayers, THREADS } from "../../src/kmalloc/open-layers.ts";
import { type MemoryOptions, newMemory } from "../../src/memory/new-memory.ts";
import { NO_FRAME, RunKind } from "../../src/pages/layout.ts";
import { Vmalloc } from "../../src/vmalloc/vmalloc.ts";
import { firstDifference, thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";

/** Virtual memory over layers of their own, with a page for its anchor. */
export interface VmallocSubject {
  readonly layers: Layers;
  readonly vmalloc: Vmalloc;
  readonly anchorAddress: number;
  /** The buffer as it is now. */
  bytes(): Uint8Array;
  /** Problems that the checks of virtual memory and of the layers below find. */
  findings(): string[];
  /** Takes pages as a user does and returns the address of the first. */
  takePages(count: number): number;
}

export interface SubjectOptions extends MemoryOptions {
  readonly dmaBytes?: number;
}

export function newLayers(options: SubjectOptions = {}): Layers {
  const { memory, extent } = newMemory(options.memory === undefined ? { sizeBytes: 2 * MIB, ...options } : options);
  return createLayers(memory, { ...extent, slotCount: 4, dmaBytes: options.dmaBytes }, {}, THREADS);
}

export function makeVmalloc(options: SubjectOptions = {}): VmallocSubject {
  const layers = newLayers(options);
  const takePages = (count: number): number => {
    const frame = layers.pages.allocate(count, RunKind.PAGES, { mayUseReserve: true });
    expect(frame).not.toBe(NO_FRAME);
    return frame * PAGE;
  };
  const anchorAddress = takePages(1);
  layers.memory.words[anchorAddress / 4] = 0;
  const vmalloc = Vmalloc.create(layers, anchorAddress);
  if (vmalloc === undefined) throw new Error("no pages for virtual memory");
  return {
    layers,
    vmalloc,
    anchorAddress,
    bytes: () => new Uint8Array(layers.memory.buffer),
    findings: () => {
      const problems = checkLayers(layers).findings.map(({ problem }) => problem);
      vmalloc.check((_address, problem) => problems.push(problem));
      return problems;
    },
    takePages,
  };
}

/** Pages that virtual memory says it has taken. */
export function takenPages(vmalloc: Vmalloc): number {
  const { framePages, directoryPages, tablePages, recordPages } = vmalloc.stats();
  return framePages + directoryPages + tablePages + recordPages;
}

/** Asserts that an action leaves every byte of the buffer as it was; returns what it returns. */
export function expectUnchanged<Result>(subject: VmallocSubject, action: () => Result): Result {
  const before = subject.bytes().slice();
  const result = action();
  expect(firstDifference(before, subject.bytes())).toBe(-1);
  return result;
}

/** Asserts that an access faults at `address`, says so, and changes nothing. */
export function expectFault(subject: VmallocSubject, address: number, action: () => unknown): void {
  const error = expectUnchanged(subject, () => thrownBy(action));
  expect(error.code).toBe("INVALID_ADDRESS");
  expect(error.message).toContain(`nothing is mapped at 0x${address.toString(16)} (`);
  expect(error.details["address"]).toBe(address);
}
