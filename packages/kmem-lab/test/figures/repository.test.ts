import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { BUNDLED_TRACES } from "../../../kmem-cli/test/trace/support.ts";
import { FIGURES_FOLDER, LAB_COMMAND, mallocTraces, ROOT } from "../../src/figures/repository.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

it("knows where the repository, its figures and its command are", () => {
  expect(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"))).toMatchObject({ name: "kmem-workspace" });
  expect([FIGURES_FOLDER, LAB_COMMAND].filter((path) => !existsSync(path))).toEqual([]);
});

it("takes the bundled malloc traces where there is no collection", () => {
  vi.stubEnv("KMEM_TRACES", "/nowhere");
  const traces = mallocTraces();
  expect(traces).toContain(join(BUNDLED_TRACES, "sqlite_file.trace.zst"));
  expect(traces.filter((path) => !path.includes(".trace.") || path.includes("hashedptr"))).toEqual([]);
});
