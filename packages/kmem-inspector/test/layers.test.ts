import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packagesRoot, readSourceFiles } from "../../kmem/test/source-files.ts";
import { type LayerOrder, layerFaults, orderFaults } from "../../kmem/test/support/layer-order.ts";

const folder = join(packagesRoot, "kmem-inspector");
const files = readSourceFiles(join(folder, "src"));
const { dependencies, devDependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

const models = ["sources", "dump", "trace"];

/** Who may import whom in packages/kmem-inspector/src: a folder, and the folders below it. */
const inspectorOrder: LayerOrder = {
  foldersBelow: {
    sources: [],
    dump: ["sources"],
    trace: ["sources"],
    work: models,
    draw: ["dump"],
    views: [...models, "work", "draw"],
    element: [...models, "work", "draw", "views"],
    page: ["element"],
    // Runs on Node, by itself.
    serve: [],
  },
  packageFault: () => undefined,
};

/** What runs on Node may have what is installed with the package; what runs in a page is bundled, and has no Node. */
function packageFaults(): string[] {
  const node = files.filter(({ path }) => path.startsWith("serve/"));
  const page = files.filter(({ path }) => !path.startsWith("serve/"));
  const isInstalled = (specifier: string): boolean => specifier.startsWith("node:") || specifier in dependencies;
  const isBundled = (specifier: string): boolean => {
    const name = specifier.split("/")[0]!;
    return !specifier.startsWith("node:") && (name in dependencies || name in devDependencies);
  };
  const order = (fits: (specifier: string) => boolean): LayerOrder => ({
    ...inspectorOrder,
    packageFault: (specifier) => (fits(specifier) ? undefined : "it is not there"),
  });
  return [...layerFaults(node, order(isInstalled)), ...layerFaults(page, order(isBundled))];
}

describe("the layer order of the inspector", () => {
  it("is kept by every file", () => {
    expect(files.map((file) => file.path)).toContain("element/inspector.ts");
    expect(layerFaults(files, inspectorOrder)).toEqual([]);
  });

  it("has no circle, and no folder without files", () => {
    expect(orderFaults(inspectorOrder, files)).toEqual([]);
  });

  it("knows what is installed with the package, and what is bundled into the page", () => {
    expect(packageFaults()).toEqual([]);
  });
});
