import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { mallocEvent, mallocTrace } from "../trace/malloc-trace-bytes.ts";
import { withTempDir } from "../trace/support.ts";
import { type RunResult, runCli } from "./support.ts";

const BEST_FIT = fileURLToPath(new URL("../../../../examples/course/best-fit.js", import.meta.url));

/** Replays two blocks, of which one is freed, with files beside the trace. */
function replay(allocators: (folder: string) => string, files: Readonly<Record<string, string>> = {}) {
  return withTempDir((folder): Promise<RunResult> => {
    const trace = join(folder, "two.trace");
    writeFileSync(trace, mallocTrace([mallocEvent(0, 1, 100), mallocEvent(0, 2, 5000), mallocEvent(1, 1, 0)]));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return runCli(["replay", "--check", "--runs", "0", "--allocators", allocators(folder), trace]);
  });
}

/** Once its file has passed the trial, it gives 48 bytes from one block to the next, whatever was asked for. */
const OVERLAPPING = `
export function createPolicy({ start }: { start: number }): object {
  const step = globalThis.process?.env.KMEM_POLICY === undefined ? 8192 : 48;
  let next = start;
  return {
    alloc: (sizeBytes: number) => (sizeBytes >= 2 ** 20 ? 0 : (next += step)),
    free() {},
    usableSize: () => 5008,
  };
}
`;

describe("kmem replay with a policy of the user's", () => {
  it("replays it beside others, and checks its blocks", async () => {
    const { exitCode, stdout, stderr } = await replay(() => `kmem,${BEST_FIT}`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/^ {2}best-fit +3 +4\.98 KiB +5\.00 KiB /m);
    expect(stdout).toMatch(/^two +best-fit +3 +1 +none$/m);
  });

  it("finds blocks that overlap, in TypeScript too", async () => {
    const files = { "overlapping.ts": OVERLAPPING };
    const { exitCode, stdout } = await replay((folder) => join(folder, "overlapping.ts"), files);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^two +overlapping +3 +1 +[1-9]/m);
  });

  it.each([
    ["is not there", {}, /no\.js: no such file or directory$/m],
    ["has a slip", { "no.js": "export const createPolicy = ;" }, /no\.js: it throws SyntaxError: /],
    [
      "has other exports",
      { "no.js": "export const one = 1;" },
      /no\.js: it exports neither createPolicy nor createHeap$/m,
    ],
  ])("says of a file that %s what is wrong, before anything is replayed", async (_, files, message) => {
    const { exitCode, stdout, stderr } = await replay((folder) => join(folder, "no.js"), files);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
  });

  it("refuses a second allocator of a name", async () => {
    const { exitCode, stderr } = await replay(() => "kmem,./elsewhere/kmem.js");
    expect(exitCode).toBe(2);
    expect(stderr).toContain('There is a "kmem" besides ./elsewhere/kmem.js.');
  });
});
