import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { describeInChromium } from "./support/in-chromium.ts";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  exports: Record<string, string | { default: string }>;
};
const entries = Object.values(manifest.exports).flatMap((target) =>
  typeof target === "string" ? [] : [target.default.replace("./", "")],
);

/** What every thread must say that has loaded all entries. */
const loaded = {
  isIsolated: true,
  hasSharedMemory: true,
  exportNames: entries.map(() => expect.arrayContaining([expect.any(String)])),
};

describeInChromium("the built library in a browser", (openPage) => {
  it("loads in a page that is isolated, each entry as an ES module, and works there", async () => {
    const page = await openPage<typeof import("./pages/load.ts")>("isolated", "load.ts");
    const result = await page.call("loadEntries", entries);
    expect(result).toEqual(loaded);
    expect(result.exportNames[0]).toEqual(expect.arrayContaining(["Heap", "KmemError", "OutOfMemoryError"]));
    expect(await page.call("useHeap", { shared: true })).toEqual({
      memoryKind: "SharedArrayBuffer",
      spoilt: [],
      left: [],
      findings: [],
    });
  });

  it("loads in a dedicated worker, each entry as an ES module", async () => {
    const page = await openPage<typeof import("./pages/load.ts")>("isolated", "load.ts");
    expect(await page.call("loadEntriesInWorker", entries)).toEqual(loaded);
  });
});
