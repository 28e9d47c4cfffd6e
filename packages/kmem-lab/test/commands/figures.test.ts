import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { heapContender } from "kmem-cli/internal/contenders/heap-contender";
import { knownContenders } from "kmem-cli/internal/contenders/known-contenders";
import { describe, expect, it } from "vitest";
import { BUNDLED_TRACES, withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import type { LabContext } from "../../src/commands/context.ts";
import { runInProcess } from "../support/run-lab.ts";

const kmem: LabContext = { contenders: knownContenders().slice(0, 1), threadContenders: [] };
const MARKS = ["goals", "machine", "time"];

describe("kmem-lab figures", () => {
  it("measures the parts that it is told to, and writes files, tables and plots", async () => {
    await withTempDir(async (folder) => {
      const document = join(folder, "document.md");
      writeFileSync(document, MARKS.map((name) => `<!-- figures: ${name} -->\n<!-- /figures: ${name} -->\n`).join(""));
      const places = ["--out", folder, "--document", document];
      const trace = join(BUNDLED_TRACES, "sqlite_file.trace.zst");
      const args = ["figures", "--runs", "1", "--only", "traces", ...places, trace];
      const { exitCode, stdout, stderr } = await runInProcess(args, kmem);
      expect(exitCode, stderr).toBe(0);
      expect(stdout).toContain("| ns per operation | kmem |");
      expect(stderr).toMatch(/^traces: \d+ s$/m);
      const text = readFileSync(document, "utf8");
      expect(text).toContain("| sqlite_file |");
      expect(text).toContain("| goal | measured | to be | reached |");
      expect(text).toContain("Measured on ");
      expect(existsSync(join(folder, "traces.svg"))).toBe(true);
      expect(existsSync(join(folder, "live-blocks.csv"))).toBe(false);
      const again = await runInProcess(["report", ...places], kmem);
      expect(again).toMatchObject({ exitCode: 0, stderr: "" });
      expect(readFileSync(document, "utf8")).toBe(text);
    });
  }, 60_000);

  it("ends with exit code 1 when an allocator breaks", async () => {
    await withTempDir(async (folder) => {
      const breaking = heapContender(
        "breaking",
        new URL("../../../kmem-cli/test/replay/breaking-heap.ts", import.meta.url),
        "0",
      );
      const trace = join(BUNDLED_TRACES, "sqlite_file.trace.zst");
      const args = ["figures", "--runs", "1", "--only", "traces", "--out", folder, trace];
      const { exitCode, stderr } = await runInProcess(args, { contenders: [breaking], threadContenders: [] });
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^kmem: breaking, sqlite_file: /m);
    });
  });

  it.each([
    ["--only nothing", ["--only", "nothing"], 2, /There is no "nothing"; there are traces, live, loads, threads/],
    ["no traces for the traces", ["--only", "traces"], 2, /the part `traces` needs trace files/],
  ])("refuses %s", async (_, args, code, message) => {
    const { exitCode, stderr } = await runInProcess(["figures", "--out", "/nowhere", ...args], kmem);
    expect(exitCode).toBe(code);
    expect(stderr).toMatch(message);
  });
});
