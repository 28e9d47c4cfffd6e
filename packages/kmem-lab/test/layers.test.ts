import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packagesRoot, readSourceFiles } from "../../kmem/test/source-files.ts";
import { type LayerOrder, layerFaults, orderFaults } from "../../kmem/test/support/layer-order.ts";

const files = readSourceFiles(join(packagesRoot, "kmem-lab", "src"));

const measured = ["figures", "loads", "programs", "threads/work", "threads", "kill", "memory", "bundle", "costs"];
const bench = ["figures", "loads", "programs", "threads", "goals"];

/** Who may import whom in packages/kmem-lab/src: a folder, and the folders below it. */
const labOrder: LayerOrder = {
  foldersBelow: {
    figures: [],
    loads: [],
    programs: [],
    peers: [],
    "threads/work": [],
    "threads/workloads": ["threads/work"],
    threads: ["figures", "threads/work", "threads/workloads"],
    kill: ["figures", "threads/work"],
    memory: ["figures", "loads"],
    bundle: ["figures"],
    costs: ["figures", "threads/work"],
    goals: ["figures", "memory"],
    plots: ["figures"],
    drawings: [],
    bench,
    commands: [...measured, "plots", "drawings", "bench"],
    "program.ts": ["peers", "threads", "commands"],
    "cli.ts": ["program.ts"],
  },
  // The library's and the command's insides are what is measured.
  packageFault: () => undefined,
};

describe("the layer order of the laboratory", () => {
  it("is kept by every file", () => {
    expect(files.map((file) => file.path)).toContain("cli.ts");
    expect(layerFaults(files, labOrder)).toEqual([]);
  });

  it("has no circle, and no folder without files", () => {
    expect(orderFaults(labOrder, files)).toEqual([]);
  });
});
