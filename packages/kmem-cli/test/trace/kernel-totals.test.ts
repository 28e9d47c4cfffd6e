import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { traceStat } from "../../src/commands/stat.ts";
import { BUNDLED_TRACES } from "./support.ts";

const TRACE = join(BUNDLED_TRACES, "mid-6.12-hashedptr.trace.txt.zst");

/** Counts by the names and fields of the lines alone, with nothing of the readers. */
const AWK = `
{
  for (i = 1; i <= NF; i++) {
    split($i, pair, "=");
    field[pair[1]] = pair[2];
  }
}
/ kmalloc: / { kmalloc++; kmallocReq += field["bytes_req"]; kmallocAlloc += field["bytes_alloc"] }
/ kmem_cache_alloc: / { cache++; cacheReq += field["bytes_req"]; cacheAlloc += field["bytes_alloc"] }
/ mm_page_alloc: / { pages++; pageBytes += 4096 * 2 ^ field["order"] }
END {
  printf "%d %d %d ", kmalloc, kmallocReq, kmallocAlloc
  printf "%d %d %d %d %d\\n", cache, cacheReq, cacheAlloc, pages, pageBytes
}
`;

describe("the totals of a real kernel trace", () => {
  it("are those that awk counts: kmalloc, slab caches and pages", async () => {
    const text = zstdDecompressSync(readFileSync(TRACE));
    const output = execFileSync("awk", [AWK], { input: text, encoding: "utf8" });
    const [kmalloc, kmallocReq, kmallocAlloc, cache, cacheReq, cacheAlloc, pages, pageBytes] = output
      .trim()
      .split(" ")
      .map(Number);
    const report = await traceStat(TRACE);
    const [malloc] = report.objects.caches.filter(({ name }) => name === "(malloc)");
    expect(malloc).toMatchObject({ hitCount: kmalloc, requestedBytes: kmallocReq, allocatedBytes: kmallocAlloc });
    const { total } = report.objects;
    expect(total.hitCount - malloc!.hitCount).toBe(cache);
    expect(total.requestedBytes - malloc!.requestedBytes).toBe(cacheReq);
    expect(total.allocatedBytes - malloc!.allocatedBytes).toBe(cacheAlloc);
    expect(report.pages.total).toMatchObject({ hitCount: pages, requestedBytes: pageBytes });
    expect(report.trace.format).toBe("kernel");
  });
});
