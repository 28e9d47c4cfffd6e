import { stdout } from "node:process";
import { writeFigure } from "../figures/repository.ts";
import { type BundleSize, bundleSizes, CORE, EVERYTHING, GOALS, PROGRAMS } from "./sizes.ts";

const BYTES_PER_KB = 1000;
const BYTES_COLUMNS = 7;

function kilobytes(bytes: number): string {
  return (bytes / BYTES_PER_KB).toFixed(1);
}

/** Writes what each folder of the library has in the programs, minified. */
function writeFolders(programs: readonly BundleSize[]): void {
  const folders = programs.map(({ modules }) => {
    const sums = new Map<string, number>();
    for (const [path, bytes] of modules) {
      const [folder = ""] = path.split("/");
      sums.set(folder, (sums.get(folder) ?? 0) + bytes);
    }
    return sums;
  });
  const names = [...new Set(folders.flatMap((sums) => [...sums.keys()]))].sort();
  const rows = names.map((name) => [name, ...folders.map((sums) => sums.get(name) ?? 0)]);
  writeFigure(
    "bundle-folders",
    [["folder", ...programs.map(({ name }) => `${name.replace(" ", "_")}_minified_bytes`)], ...rows],
    [
      ["kB, minified", ...programs.map(({ name }) => name)],
      ...rows.map(([name, ...bytes]) => [`\`${name}\``, ...bytes.map((one) => kilobytes(Number(one)))]),
    ],
    { document: "docs/performance.md", mark: "figures: bundle folders" },
  );
}

/**
 * Bundles, minifies and compresses two programs, each sub-path of the library and all of them together, and writes
 * their sizes to docs/figures and into docs/measurements.md.
 *
 * @param showsModules prints as well how many bytes each module has in the programs and in everything.
 */
export async function writeSizes(showsModules: boolean): Promise<void> {
  const sizes = await bundleSizes();
  const rows = sizes.map(({ name, minifiedBytes, brotliBytes, beyondCoreBytes }) => {
    return [name, minifiedBytes, brotliBytes, beyondCoreBytes];
  });
  const tableRows = sizes.map(({ name, minifiedBytes, brotliBytes, beyondCoreBytes }) => {
    const goal = GOALS[name];
    const figures = [minifiedBytes, brotliBytes, beyondCoreBytes].map(kilobytes);
    return [name.startsWith(CORE) ? `\`${name}\`` : name, ...figures, goal === undefined ? "" : `≤ ${kilobytes(goal)}`];
  });
  writeFigure(
    "bundle-size",
    [["sub_path", "minified_bytes", "brotli_bytes", "beyond_core_brotli_bytes"], ...rows],
    [["kB", "minified", "and brotli", "beside the core", "goal"], ...tableRows],
    { document: "docs/measurements.md", mark: "figures: bundle size" },
  );
  writeFolders(sizes.filter(({ name }) => PROGRAMS.has(name)));
  for (const { name, modules } of sizes.filter((size) => PROGRAMS.has(size.name) || size.name === EVERYTHING)) {
    if (!showsModules) continue;
    stdout.write(`\n${name}: ${modules.length} modules, minified bytes\n`);
    for (const [path, bytes] of modules) stdout.write(`${String(bytes).padStart(BYTES_COLUMNS)} ${path}\n`);
  }
}
