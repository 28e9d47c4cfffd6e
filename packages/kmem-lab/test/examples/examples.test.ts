// The examples, run as their README says.
import { join } from "node:path";
import { execPath } from "node:process";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { expect, it } from "vitest";
import { ROOT } from "../../src/figures/repository.ts";

/** Runs an example, and answers the lines that it prints. */
async function linesOf(example: string): Promise<string[]> {
  const output = await runProcess({ file: execPath, args: [join(ROOT, "examples", example)] });
  return output.trimEnd().split("\n");
}

it("workers invert frames in place", async () => {
  expect(await linesOf("worker-pool/main.js")).toEqual(["{ right: 200, isWhole: true }"]);
});

it("a cache outlives three workers that are killed", async () => {
  expect(await linesOf("lru-cache/main.js")).toEqual(["{ keys: 512, wrong: [], isWhole: true }"]);
});

it("ranges of a GPU buffer come back when their frame is done", async () => {
  expect(await linesOf("gpu-ranges/main.js")).toEqual([
    expect.stringMatching(/^\{ mostRanges: 10\d, freeBytes: \d+, liveRanges: 0 \}$/),
  ]);
});

it("a database that nobody has closed is a leak of who opened it", async () => {
  expect(await linesOf("sqlite-leaks/main.js")).toEqual([
    "2 words",
    "not freed: 0 blocks",
    "1 words",
    expect.stringMatching(/^not freed: \d{5,} bytes, allocated by calls from$/),
    expect.stringMatching(/^ {3}countWords main\.js:\d+$/),
    expect.stringMatching(/^ {3}countWords main\.js:\d+$/),
    expect.stringMatching(/^ {3}countWords main\.js:\d+$/),
    "whole: true",
  ]);
});

it("the textbook's processes get the textbook's holes", async () => {
  expect(await linesOf("course/fits.js")).toEqual([
    "first  500 KB, 600 KB, 500 KB, waits",
    "best   300 KB, 500 KB, 200 KB, 600 KB",
    "worst  600 KB, 500 KB, 600 KB, waits",
  ]);
});
