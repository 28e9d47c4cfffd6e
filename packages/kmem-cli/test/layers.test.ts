import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packagesRoot, readSourceFiles } from "../../kmem/test/source-files.ts";
import { type LayerOrder, layerFaults, orderFaults } from "../../kmem/test/support/layer-order.ts";

const ROOMS_MAX = 9;
const folder = join(packagesRoot, "kmem-cli");
const files = readSourceFiles(join(folder, "src"));
const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>;
};

const reading = ["system", "trace", "forms"];
const folders = [...reading, "replay", "contenders", "insight", "report", "run"];

/** Who may import whom in packages/kmem-cli/src: a folder, and the folders below it. */
const commandOrder: LayerOrder = {
  foldersBelow: {
    system: [],
    trace: ["system"],
    forms: ["system", "trace"],
    replay: reading,
    contenders: [...reading, "replay"],
    insight: reading,
    report: [...reading, "replay", "insight", "contenders"],
    run: [...reading, "contenders"],
    commands: folders,
  },
  packageFault: (specifier) => {
    // A process is told which module to load.
    if (specifier.startsWith("node:") || specifier.startsWith("(computed: ")) return undefined;
    const name = specifier.split("/")[0]!;
    return name in dependencies ? undefined : "it is not there where only the command is installed";
  },
};

describe("the layer order of the command", () => {
  it("is kept by every file", () => {
    expect(files.map((file) => file.path)).toContain("commands/cli.ts");
    expect(layerFaults(files, commandOrder)).toEqual([]);
  });

  it("has no circle, and no folder without files", () => {
    expect(orderFaults(commandOrder, files)).toEqual([]);
  });

  it(`has ${ROOMS_MAX} folders at the most`, () => {
    const rooms = new Set(files.map(({ path }) => (path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "src")));
    expect([...rooms].length).toBeLessThanOrEqual(ROOMS_MAX);
  });

  it("refuses what is not installed with the command", () => {
    const at = (text: string): string[] => layerFaults([{ path: "trace/a.ts", text }], commandOrder);
    expect(at('import { table } from "table"; import { Heap } from "kmem/debug";')).toEqual([]);
    expect(at('import * as echarts from "echarts";')).toEqual([expect.stringContaining("is not there")]);
    expect(at('import { kill } from "kmem-lab/kill";')).toEqual([expect.stringContaining("is not there")]);
    expect(at('import { replay } from "../replay/jobs.ts";')).toEqual([expect.stringContaining("below trace")]);
  });
});
