import { expect, it } from "vitest";
import {
  collapsedText,
  gzipped,
  heapProfileText,
  pprofBytes,
  speedscopeText,
  traceEventsText,
} from "../../src/profile/index.ts";
import { SMALL } from "../profile/profiles.ts";
import { describeInChromium } from "./support/in-chromium.ts";
import { openInSpeedscope } from "./support/speedscope.ts";

/** What the small profile's functions hold: 4,272 bytes in all. */
const IN_BYTES = {
  main: ["4.13 KB (99%)", "0 B (<0.01%)"],
  parse: ["4.13 KB (99%)", "128 B (3.0%)"],
  "Array.map": ["4.00 KB (96%)", "0 B (<0.01%)"],
  "(anonymous app.js:20)": ["4.00 KB (96%)", "4.00 KB (96%)"],
  "(unknown)": ["48 B (1.1%)", "48 B (1.1%)"],
};

describeInChromium("a profile that speedscope itself opens", (_openPage, openBlank) => {
  it("shows the live bytes of a heap profile of V8", async () => {
    const view = await openInSpeedscope(await openBlank(), "app.heapprofile", heapProfileText(SMALL));
    // Functions without a name go by their line here too, which this reader counts from 0.
    const { "(anonymous app.js:20)": nameless, ...named } = IN_BYTES;
    expect(view.functions).toEqual({
      ...named,
      "(anonymous app.js:19)": nameless,
      "(root)": ["4.17 KB (100%)", "0 B (<0.01%)"],
    });
  });

  it("shows the live bytes of a pprof profile, compressed", async () => {
    const compressed = await gzipped(pprofBytes(SMALL));
    expect((await openInSpeedscope(await openBlank(), "app.pb.gz", compressed)).functions).toEqual(IN_BYTES);
  });

  it("shows collapsed stacks, without their unit", async () => {
    const { functions } = await openInSpeedscope(await openBlank(), "app.collapsed.txt", collapsedText(SMALL));
    expect(Object.keys(functions).sort()).toEqual(Object.keys(IN_BYTES).sort());
    expect(functions["parse"]).toEqual(["4,224 (99%)", "128 (3.0%)"]);
  });

  it("shows all views of all profiles of a file of its own", async () => {
    const empty = { ...SMALL, samples: [] };
    const text = speedscopeText([
      { name: "after", profile: SMALL },
      { name: "before", profile: empty },
    ]);
    const view = await openInSpeedscope(await openBlank(), "app.speedscope.json", text);
    expect(view.functions).toEqual(IN_BYTES);
    expect(view.title).toBe("after: live bytes (1/8)");
    expect(view.profiles.slice(0, 5)).toEqual([
      ["after: live bytes", "4.17 KB"],
      ["after: live blocks", "6"],
      ["after: allocated bytes", "8.46 KB"],
      ["after: allocated blocks", "16"],
      ["before: live bytes", "0 B"],
    ]);
  });

  it("shows the slow paths of a trace, one within the other", async () => {
    const text = traceEventsText({
      snapshots: [{ timeMs: 1, bytes: { inode: 64 } }],
      instants: [{ name: "out of memory", timeMs: 3, slot: 4 }],
      slowPaths: [
        { name: "refill", startMs: 2, durationMs: 1, slot: 4 },
        { name: "reclaim", startMs: 1, durationMs: 5, slot: 4 },
      ],
    });
    const view = await openInSpeedscope(await openBlank(), "app.trace.json", text);
    expect(view.title).toBe("kmem (pid 1), slot 4 (tid 6)");
    expect(view.functions).toEqual({
      reclaim: ["5.00ms (100%)", "4.00ms (80%)"],
      refill: ["1.00ms (20%)", "1.00ms (20%)"],
    });
  });
});
