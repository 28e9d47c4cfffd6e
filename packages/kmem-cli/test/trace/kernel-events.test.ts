import { describe, expect, it } from "vitest";
import { KERNEL_EVENT, KERNEL_EVENT_NAMES, kernelEventCode } from "../../src/trace/kernel-events.ts";
import { NONE } from "../../src/trace/line-scan.ts";
import { bytesOf } from "./support.ts";

function codeOf(name: string): number {
  return kernelEventCode(bytesOf(name), 0, name.length);
}

describe("kernelEventCode", () => {
  it("knows each event by its whole name", () => {
    expect(KERNEL_EVENT_NAMES.map(codeOf)).toEqual(Object.values(KERNEL_EVENT));
    expect(codeOf("kmem_cache_alloc_node")).toBe(KERNEL_EVENT.CACHE_ALLOC_NODE);
    expect(codeOf("mm_page_free")).toBe(KERNEL_EVENT.PAGE_FREE);
  });

  it("knows no other event, however alike", () => {
    const others = ["", "k", "kmalloc_", "kfree_", "kmem_cache_alloc_bulk", "mm_page_alloc_extfrag", "rss_stat"];
    for (const name of [...others, ...KERNEL_EVENT_NAMES.map((name) => `${name.slice(0, -1)}?`)]) {
      expect([name, codeOf(name)]).toEqual([name, NONE]);
    }
  });
});
