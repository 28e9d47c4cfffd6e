import { describe, expect, it } from "vitest";
import { KERNEL_EVENT } from "../../src/trace/kernel-events.ts";
import { fieldsOfCall } from "../../src/trace/perf-trace-text.ts";

describe("fieldsOfCall", () => {
  it.each([
    [
      KERNEL_EVENT.KMALLOC,
      "call_site: 1, ptr: 0xff, bytes_req: 8, bytes_alloc: 16, gfp_flags: 3264, node: -1)",
      " call_site=1 ptr=0xff bytes_req=8 bytes_alloc=16 gfp_flags=3264",
    ],
    [
      KERNEL_EVENT.CACHE_ALLOC,
      'call_site: 1, ptr: 0xff, name: "a, b", bytes_req: 8)',
      " call_site=1 ptr=0xff name=a, b bytes_req=8 bytes_alloc=0 gfp_flags=0",
    ],
    [KERNEL_EVENT.KFREE, "call_site: 1)", " call_site=1 ptr=(nil)"],
    [KERNEL_EVENT.KFREE, "call_site: 1, ptr: NULL) trailing", " call_site=1 ptr=(nil)"],
    [KERNEL_EVENT.CACHE_FREE, 'ptr: 0xff, name: "filp")', " ptr=0xff name=filp"],
    [KERNEL_EVENT.PAGE_ALLOC, "page: 0x1, pfn: 12, order: 3, gfp_flags: GFP|X)", " page=0x1 pfn=12 order=3"],
    [KERNEL_EVENT.PAGE_FREE, "pfn: 12)", " pfn=12 order=0"],
  ])("writes event %i of %j as others do", (code, text, fields) => {
    expect(fieldsOfCall(code, text)).toBe(fields);
  });

  it("answers nothing where the parenthesis is missing", () => {
    expect(fieldsOfCall(KERNEL_EVENT.KFREE, "call_site: 1, ptr: 0xff")).toBeUndefined();
  });
});
