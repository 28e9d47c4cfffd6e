import { describe, expect, it } from "vitest";
import { bindgenLeadsTo, roleOfName } from "../../../src/wasm/allocator/roles.ts";

describe("the role of a function", () => {
  it.each([
    ["__rust_alloc", "rust_alloc"],
    ["__rdl_dealloc", "rust_dealloc"],
    ["__rustc::__rust_realloc", "rust_realloc"],
    ["__rustc[7ce0b4b1ee6b7a31]::__rdl_alloc_zeroed", "rust_alloc_zeroed"],
    // Mangled in the newer way: what begins with "_" has one more between its length and itself.
    ["_RNvCs123abcDEF45_7___rustc12___rust_alloc", "rust_alloc"],
    ["_RNvCs123abcDEF45_7___rustc14___rust_dealloc", "rust_dealloc"],
    ["_RNvCs123abcDEF45_7___rustc13___rdl_realloc", "rust_realloc"],
    ["_RNvCs123abcDEF45_7___rustc19___rust_alloc_zeroed.llvm.77", "rust_alloc_zeroed"],
    ["_RNvCs123abcDEF45_7___rustc26___rust_alloc_error_handler", undefined],
    ["_RNvCs123abcDEF45_7___rustc35___rust_no_alloc_shim_is_unstable_v2", undefined],
    ["dlmalloc::dlmalloc::Dlmalloc<A>::malloc::h18bb8a8f0a9bd0d1", "malloc"],
    ["_ZN8dlmalloc8dlmalloc17Dlmalloc$LT$A$GT$8memalign17h0123456789abcdefE", "memalign"],
    ["_ZN8dlmalloc8dlmalloc17Dlmalloc$LT$A$GT$12unlink_chunk17h0123456789abcdefE", undefined],
    ["_RNvMs0_NtCsb_8dlmalloc8dlmallocINtB5_8DlmallocNtNtB7_3sys6SystemE6mallocCsd_3std", "malloc"],
    ["_RNvMs0_NtCsb_8dlmalloc8dlmallocINtB5_8DlmallocpE4free", "free"],
    ["_RNvMs0_NtCsb_8dlmalloc8dlmallocINtB5_8DlmallocNtNtB7_3sys6SystemE8memalignB9_", "memalign"],
    ["_RNvMs0_NtCsb_8dlmalloc8dlmallocINtB5_8DlmallocNtNtB7_3sys6SystemE15malloc_trailing", undefined],
  ])("is by its name %s: %s", (name, role) => {
    expect(roleOfName(name)).toBe(role);
  });

  it("is told in time in proportion to its name, however hard that is", () => {
    for (const part of ["1", "Dlmalloc<", "Dlmalloc$LT$", "8DlmallocE6"])
      expect(roleOfName(part.repeat(2e5))).toBe(undefined);
  });

  it.each([
    ["__wbindgen_malloc", 2, "malloc"],
    ["__wbindgen_realloc", 4, "realloc"],
    ["__wbindgen_free", 3, "free"],
    // Before they had an alignment.
    ["__wbindgen_malloc", 1, "malloc"],
    ["__wbindgen_realloc", 3, "realloc"],
    ["__wbindgen_free", 2, "free"],
    ["__wbindgen_export", 2, "malloc"],
    ["__wbindgen_export3", 3, "free"],
    ["__wbindgen_export_4", 4, "realloc"],
    ["__wbindgen_export2", 1, undefined],
    ["__wbindgen_start", 2, undefined],
  ])("below the wrapper %s with %i parameters: %s", (name, parameterCount, role) => {
    expect(bindgenLeadsTo(name, parameterCount)).toBe(role);
  });
});
