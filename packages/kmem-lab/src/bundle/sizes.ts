import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";
import { ROOT } from "../figures/repository.ts";
import { publishedSources } from "./without-assertions.ts";

const LIBRARY = posix.join(ROOT, "packages", "kmem");
const BROTLI_QUALITY = 11;

/** Names in the table beside those of the sub-paths. */
export const CORE = "kmem";
export const EVERYTHING = "everything";

/** Programs that allocate and free and do nothing else, by their names in the table. */
export const PROGRAMS: ReadonlyMap<string, string> = new Map([
  [
    "one thread",
    `import { LocalHeap } from "./src/index.ts";
    const heap = LocalHeap.create({ sizeBytes: 1 << 20 });
    heap.free(heap.alloc(100));`,
  ],
  [
    "threads",
    `import { Heap } from "./src/index.ts";
    addEventListener("message", ({ data }) => {
      const heap = Heap.attach(data);
      heap.free(heap.alloc(100));
      heap.detach();
    });
    postMessage(Heap.create({ sizeBytes: 1 << 20 }).handle);`,
  ],
]);

/** What is aimed at, bytes after brotli. */
export const GOALS: Readonly<Record<string, number>> = { "one thread": 10_000, threads: 20_000 };

/** Bytes of a bundle. */
export interface BundleSize {
  /** One of {@link PROGRAMS}, `kmem`, `kmem/linux` and so on, or {@link EVERYTHING}. */
  readonly name: string;
  readonly minifiedBytes: number;
  readonly brotliBytes: number;
  /** What it takes beside the core, after brotli; 0 for the core. */
  readonly beyondCoreBytes: number;
  /** Modules in it with the bytes of each, minified, from `src` on, the largest first. */
  readonly modules: readonly (readonly [path: string, bytes: number])[];
}

/** The sources of the sub-paths that the library exports, by the names that users import. */
export function subPaths(): ReadonlyMap<string, string> {
  const manifest = JSON.parse(readFileSync(posix.join(LIBRARY, "package.json"), "utf8")) as {
    exports: Record<string, string | { default: string }>;
  };
  return new Map(
    Object.entries(manifest.exports).flatMap(([subPath, target]) => {
      if (typeof target === "string") return [];
      return [[`kmem${subPath.slice(1)}`, target.default.replace("./dist/", "./src/").replace(/\.js$/, ".ts")]];
    }),
  );
}

/** The options of esbuild that all figures are made with. */
export const MINIFIED = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
} as const;

/** A module that exports all that these have. */
function reexporting(sources: readonly string[]): string {
  if (sources.length === 1) return `export * from "${sources[0]}";`;
  return sources.map((source, index) => `export * as part${index} from "${source}";`).join("\n");
}

async function bundle(contents: string): Promise<Omit<BundleSize, "name" | "beyondCoreBytes">> {
  const { outputFiles, metafile } = await build({
    ...MINIFIED,
    stdin: { contents, resolveDir: LIBRARY, loader: "ts" },
    absWorkingDir: LIBRARY,
    plugins: [publishedSources],
    metafile: true,
    write: false,
  });
  const code = Buffer.concat(outputFiles.map((file) => file.contents));
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const modules = inputs
    .filter(([path]) => path.startsWith("src/"))
    .map(([path, { bytesInOutput }]) => [posix.relative("src", path), bytesInOutput] as const)
    .filter(([, bytes]) => bytes > 0);
  return { minifiedBytes: code.length, brotliBytes: brotliBytes(code), modules: modules.sort((a, b) => b[1] - a[1]) };
}

function brotliBytes(code: Uint8Array): number {
  return brotliCompressSync(code, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }).length;
}

/** Measures bundles of the two programs, of each sub-path, and of everything, as an application makes them. */
export async function bundleSizes(): Promise<BundleSize[]> {
  const paths = subPaths();
  const coreSource = paths.get(CORE) ?? "";
  const core = await bundle(reexporting([coreSource]));
  const sizes: BundleSize[] = [];
  for (const [name, program] of PROGRAMS) sizes.push({ name, ...(await bundle(program)), beyondCoreBytes: 0 });
  for (const [name, source] of paths) {
    const beside = name === CORE ? core : await bundle(reexporting([coreSource, source]));
    sizes.push({
      name,
      ...(await bundle(reexporting([source]))),
      beyondCoreBytes: beside.brotliBytes - core.brotliBytes,
    });
  }
  const all = await bundle(reexporting([...paths.values()]));
  return [...sizes, { name: EVERYTHING, ...all, beyondCoreBytes: all.brotliBytes - core.brotliBytes }];
}
