// The example of a program out of npm whose loads and stores are checked in a page, in Chromium.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { execPath } from "node:process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeInChromium } from "../../../kmem/test/browser/support/in-chromium.ts";
import { ROOT } from "../../src/figures/repository.ts";

/** What the page shows after a button was pressed, once it is ready. */
const SHOWN = `(async (button) => {
  while (document.getElementById("run").disabled) await new Promise((resolve) => setTimeout(resolve, 20));
  document.getElementById(button).click();
  return ["result", "reports"].map((id) => document.getElementById(id).textContent);
})`;

describeInChromium("a program out of npm under memcheck, in a page", (_openPage, openBlank) => {
  let server: ChildProcess;
  let url = "";

  beforeAll(async () => {
    server = spawn(execPath, [join(ROOT, "examples", "serve.js"), "0"], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    while (!output.includes("wasm-memcheck/index.html\n")) output += String((await once(server.stdout!, "data"))[0]);
    url = output.split("\n").find((line) => line.includes("wasm-memcheck")) ?? "";
  });

  afterAll(() => {
    server.kill();
  });

  it("says nothing of a script, and tells of a read of a text that was freed, with its stacks", async () => {
    const page = await openBlank();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error.stack)));
    await page.goto(url);
    const press = (button: string) => page.evaluate<string[]>(`${SHOWN}(${JSON.stringify(button)})`);
    expect(await press("run")).toEqual(["42", ""]);
    const [result, reports = ""] = await press("freed");
    expect(result).toBe("42");
    expect(reports).toMatch(/^BUG: read of \d bytes?, 0 bytes inside of a freed block of 6 bytes at 0x[0-9a-f]+\n/);
    // The engine's functions have no names, but a stack: the one that reads is deep in the parser.
    expect(reports.split("\n\n")[0]!.match(/\tat function \d+ \(byte 0x[0-9a-f]+\)/g)!.length).toBeGreaterThan(2);
    expect(errors).toEqual([]);
  });
});
