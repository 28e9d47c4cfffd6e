import { expect, expectTypeOf, it } from "vitest";
import { Heap, hasCode, KmemError, type OutOfMemoryError } from "../../src/index.ts";
import { MIB } from "../support/memories.ts";

function caught(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

it("an error of a code has the details of that code, with their types", () => {
  const heap = Heap.create({ sizeBytes: MIB, slotCount: 2 });
  heap.reserve();
  const error = caught(() => heap.reserve());
  expect(hasCode(error, "NO_SLOT")).toBe(true);
  if (!hasCode(error, "NO_SLOT")) return;
  expectTypeOf(error.code).toEqualTypeOf<"NO_SLOT">();
  expectTypeOf(error.details.slotCount).toEqualTypeOf<number | undefined>();
  expect(error.details.slotCount).toBe(2);
});

it("the figures of an error without memory are numbers", () => {
  const heap = Heap.create({ sizeBytes: MIB });
  const error = caught(() => heap.alloc(2 * MIB));
  if (!hasCode(error, "OUT_OF_MEMORY")) throw error;
  expectTypeOf(error.details.askedBytes).toEqualTypeOf<number | undefined>();
  expect(error.details.askedBytes).toBe(2 * MIB);
  expect((error as OutOfMemoryError).askedBytes).toBe(2 * MIB);
});

it("an error of another code, or of nobody's, has none", () => {
  const error = caught(() => Heap.create({ sizeBytes: -1 }));
  expect(hasCode(error, "BAD_ARGUMENT")).toBe(true);
  expect(hasCode(error, "BAD_SIZE")).toBe(false);
  for (const other of [undefined, null, "BAD_ARGUMENT", { code: "BAD_ARGUMENT" }, new Error("BAD_ARGUMENT")]) {
    expect(hasCode(other, "BAD_ARGUMENT")).toBe(false);
  }
});

it("an error of the caller takes any code and its details", () => {
  expectTypeOf(new KmemError("BAD_SIZE", "").details.sizeBytes).toEqualTypeOf<unknown>();
  expect(new KmemError("BAD_SIZE", "", { sizeBytes: -1 }).details).toEqual({ sizeBytes: -1 });
});
