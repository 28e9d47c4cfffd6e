import { describe, expect, it } from "vitest";
import { DebugHeap, type DebugHeapOptions, type DebugThreadOptions } from "../../src/debug/index.ts";
import type { HeapOptions } from "../../src/index.ts";
import { runLinuxCampaign } from "../campaigns/linux.ts";
import { LinuxModel } from "../kernels/linux/model.ts";

/** What a debugged heap aligns to, where nobody asks for more. */
const ALIGNMENT_BYTES = 16;
/** The largest object of a cache, with its zones and record. */
const OBJECT_BYTES_MAX = 131_072 - 72;

describe("Linux over a debugged heap, against a plain model", () => {
  it.each<[string, DebugHeapOptions]>([
    ["all letters", {}],
    ["no letter", { debug: "-" }],
    ["no quarantine", { quarantineBytes: 0 }],
  ])("agrees over random operations, with %s, and nothing is reported but bad frees", (_, debug) => {
    const corruptions: unknown[] = [];
    const { debug: letters = "", ...ofThread } = debug;
    const options: DebugThreadOptions = {
      ...ofThread,
      stackDepth: 1,
      report: ({ bytes, fix }) => {
        if (bytes !== undefined || fix === "Object padding made anew") corruptions.push(bytes);
      },
    };
    const newModel = (heap: HeapOptions): LinuxModel => {
      const { source } = DebugHeap.create({ ...heap, ...options, debug: letters });
      return new LinuxModel(source, {
        attach: (memory) => DebugHeap.attach(memory, options),
        alignmentBytes: ALIGNMENT_BYTES,
        objectBytesMax: OBJECT_BYTES_MAX,
      });
    };
    runLinuxCampaign({ operations: 10_000, seed: 1, checkInterval: 1000, newModel });
    expect(corruptions).toEqual([]);
  });
});
