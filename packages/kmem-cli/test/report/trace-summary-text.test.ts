import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileTrace } from "../../src/forms/compile-trace.ts";
import { traceSummaryText } from "../../src/report/trace-summary-text.ts";
import type { TraceSummary } from "../../src/trace/trace-summary.ts";
import { mallocEvent, mallocTrace } from "../trace/malloc-trace-bytes.ts";
import { BUNDLED_TRACES, withTempDir } from "../trace/support.ts";
import { plain } from "./support.ts";

function summaryOf(trace: string | Uint8Array): Promise<TraceSummary> {
  return withTempDir(async (folder) => {
    const path = join(folder, "trace");
    writeFileSync(path, trace);
    return compileTrace(path, join(folder, "ops"));
  });
}

describe("the text about a trace", () => {
  it("says what a malloc trace holds", async () => {
    const summary = await summaryOf(
      mallocTrace([mallocEvent(0, 1, 100), mallocEvent(3, 1, 200), mallocEvent(1, 1, 0)], { flags: 3 }),
    );
    expect(traceSummaryText("app", summary, plain()).split("\n")).toEqual([
      "app: malloc trace of a 64-bit program",
      "  3 events, all matched: 1 malloc, 1 free, 1 realloc",
      "  the recorder stopped at its limit; the program went on",
    ]);
  });

  it("shows broken events with their number and the reason", async () => {
    const broken = Array.from({ length: 7 }, () => mallocEvent(1, 9, 0));
    const summary = await summaryOf(mallocTrace([mallocEvent(0, 1, 100), ...broken]));
    expect(traceSummaryText("app", summary, plain(60)).split("\n").slice(1)).toEqual([
      "  8 events, 1 matched: 1 malloc",
      "  7 broken events left out, the first 5 of them:",
      ...[2, 3, 4, 5, 6].map((event) => `    event ${event}: free of a slot that is not live: free id=9 siz…`),
      "    in all: 7 × free of a slot that is not live",
    ]);
  });

  it("says what a kernel trace holds, matches and leaves out", async () => {
    const trace = join(BUNDLED_TRACES, "mid-6.12-hashedptr.trace.txt.zst");
    const summary = await withTempDir((folder) => compileTrace(trace, join(folder, "ops")));
    expect(traceSummaryText("mid", summary, plain()).split("\n")).toEqual([
      "mid: kernel trace, packed with zstd",
      "  178,148 events in 178,160 lines, 152,370 operations to replay",
      "  matched: 99.86 % of 6,650 kfree, 99.48 % of 52,526 cache frees, 98.25 % of 17,039 page frees",
      "  not replayed: 9,921 frees of null, 582 unknown frees, 15,282 batched page frees",
      "  added: 7 frees implied by an allocation at the place",
    ]);
    for (const line of traceSummaryText("mid", summary, plain(80)).split("\n"))
      expect(line.length).toBeLessThanOrEqual(80);
  });

  it("shows broken lines of a kernel trace", async () => {
    const head = "  sh-1  [000] .....  1.000000: ";
    const alloc = "kmalloc: call_site=f+0x1/0x2 ptr=00000000aaaaaaaa bytes_req=8 bytes_alloc=8 gfp_flags=GFP_KERNEL";
    const summary = await summaryOf(`${head}${alloc}\n${head}kfree: call_site=f+0x1/0x2\n`);
    const text = traceSummaryText("boot", summary, plain());
    expect(text).toContain("1 broken line left out:\n    line 2: kfree: no ptr= field: sh-1  [000]");
    expect(text).toContain("matched: no kfree, no cache frees, no page frees");
  });
});
