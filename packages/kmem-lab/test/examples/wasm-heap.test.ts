// The example of a program out of npm that runs on a heap in a page, in Chromium, from the examples' own server.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { execPath } from "node:process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInChromium } from "../../../kmem/test/browser/support/in-chromium.ts";
import { ROOT } from "../../src/figures/repository.ts";

interface Shown {
  readonly result: string;
  readonly stats: string;
  readonly misuses: string;
  readonly lost: readonly string[];
  readonly sites: readonly string[];
}

/** What the page shows, once it is ready, and after a button was pressed. */
const SHOWN = `(async (button) => {
  while (document.getElementById("run").disabled) await new Promise((resolve) => setTimeout(resolve, 20));
  if (button !== "") document.getElementById(button).click();
  const text = (id) => document.getElementById(id).textContent;
  const rows = (id) => [...document.getElementById(id).rows].map((row) => row.innerText);
  const [result, stats, misuses] = ["result", "stats", "misuses"].map(text);
  return { result, stats, misuses, lost: rows("lost"), sites: rows("sites") };
})`;

describeInChromium("a program in WebAssembly out of npm, in a page", (_openPage, openBlank) => {
  let server: ChildProcess;
  let url = "";

  beforeAll(async () => {
    server = spawn(execPath, [join(ROOT, "examples", "serve.js"), "0"], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    while (!output.includes("wasm-heap/index.html\n")) output += String((await once(server.stdout!, "data"))[0]);
    url = output.split("\n").find((line) => line.includes("wasm-heap")) ?? "";
  });

  afterAll(() => {
    server.kill();
  });

  it("works on a heap, and shows what it has there, what it has lost and what it does wrong", async () => {
    const page = await openBlank();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error.stack)));
    await page.goto(url);
    const press = (button: string): Promise<Shown> => page.evaluate<Shown>(`${SHOWN}(${JSON.stringify(button)})`);
    const first = await press("");
    expect(first.result).toBe('"1 + 4 + 9"');
    expect(first.stats).toMatch(/^\d{3,} live blocks, \d{5,} bytes, in [\d.]+ MiB of memory$/);
    expect(first.sites).toHaveLength(20);
    expect(first.sites[0]).toMatch(/^\d+\s+\d+\s+at function \d+ \(byte 0x[0-9a-f]+\)/);
    expect([first.lost, first.misuses]).toEqual([[], ""]);
    expect((await press("run")).lost).toEqual([]);
    const { lost, result } = await press("forget");
    expect(result).toBe('"1 + 4 + 9"');
    expect(lost).toEqual([
      expect.stringMatching(/^1\s+41\s+at Engine\.evaluate \(http:.*\/wasm-heap\/engine\.js:\d+:\d+\)/),
    ]);
    expect((await press("twice")).misuses).toMatch(
      /^BUG kmalloc-32: Object already free, object 0x[0-9a-f]+ of 20 bytes$/,
    );
    expect(errors).toEqual([]);
  });
});
