import { execFileSync } from "node:child_process";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { HOT_BEGIN, HOT_END } from "./hot-loop-marks.ts";

const HOT_LOOP = fileURLToPath(new URL("hot-loop.ts", import.meta.url));
/** The engine compiles when it is told to and not beside the program, so that each run is like the others. */
const FLAGS = ["--predictable", "--allow-natives-syntax", "--trace-deopt"];
const OUTPUT_LIMIT_BYTES = 2 ** 26;

/** What the engine threw away of its machine code while all was hot. */
function bailouts(...args: string[]): string[] {
  const output = execFileSync(execPath, [...FLAGS, HOT_LOOP, ...args], {
    encoding: "utf8",
    maxBuffer: OUTPUT_LIMIT_BYTES,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = output.split("\n");
  const [begin, end] = [lines.indexOf(HOT_BEGIN), lines.indexOf(HOT_END)];
  if (begin < 0 || end < begin) throw new Error("the hot loop left no marks");
  return lines.slice(begin, end).filter((line) => line.includes("deoptimizing"));
}

// Which calls become part of their callers is not tested: it depends on what was compiled first.
describe("the machine code of the fast paths", () => {
  it("stays over a million pairs of operations", () => {
    expect(bailouts()).toEqual([]);
  });

  it("is seen to be thrown away where it is", () => {
    expect(bailouts("--spoil").join("\n")).toContain("<JSFunction alloc ");
  });
});
