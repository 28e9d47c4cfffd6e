import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkKernelTrace, checkMallocTrace } from "./check-known.ts";
import { BUNDLED_TRACES } from "./support.ts";

const MALLOC = ["sqlite_file", "bash_loop", "lua_bintrees", "jq_group", "clang19_lapi"];
const KERNEL = ["mid-6.12-hashedptr.trace.txt"];

describe("bundled traces", () => {
  it("are all tested here", () => {
    const files = readdirSync(BUNDLED_TRACES).filter((name) => name.endsWith(".zst"));
    const tested = [...MALLOC.map((name) => `${name}.trace.zst`), ...KERNEL.map((name) => `${name}.zst`)];
    expect(files.sort()).toEqual(tested.sort());
  });

  it.each(MALLOC)("%s has the known events and sizes", async (name) => {
    await checkMallocTrace(BUNDLED_TRACES, name);
  });

  it.each(KERNEL)("%s has the known counts and match rates", async (name) => {
    await checkKernelTrace(BUNDLED_TRACES, name);
  });
});
