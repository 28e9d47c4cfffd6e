import { posix } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { type BuildResult, build } from "esbuild";
import { LIBRARY, subPaths } from "./sub-paths.ts";
import { publishedSources } from "./without-assertions.ts";

const BROTLI_QUALITY = 11;

/** Names in the table beside those of the sub-paths. */
export const CORE = "kmem";
export const EVERYTHING = "everything";

/** Programs that allocate and free and do nothing else, by their names in the table. */
export const PROGRAMS: ReadonlyMap<string, string> = new Map([
  [
    "one thread",
    `import { LocalHeap } from "kmem";
    const heap = LocalHeap.create({ sizeBytes: 1 << 20 });
    heap.free(heap.alloc(100));`,
  ],
  [
    "threads",
    `import { Heap } from "kmem";
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
  /** Modules in programs and in everything with the bytes of each, minified, from `src` on, the largest first. */
  readonly modules: readonly (readonly [path: string, bytes: number])[];
}

/** The options of esbuild that all figures are made with. */
const MINIFIED = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
} as const;

/** A module that exports all that these sub-paths have. */
function reexporting(names: readonly string[]): string {
  if (names.length === 1) return `export * from "${names[0]}";`;
  return names.map((name, index) => `export * as part${index} from "${name}";`).join("\n");
}

/** Bundles a program over the modules that are published, or over their sources. */
function bundleOf(contents: string, from: "published modules" | "sources"): Promise<BuildResult<Bundled>> {
  return build({
    ...MINIFIED,
    stdin: { contents, resolveDir: LIBRARY, loader: "ts" },
    absWorkingDir: LIBRARY,
    ...(from === "sources" && {
      alias: Object.fromEntries(subPaths().map(({ name, source }) => [name, source])),
      plugins: [publishedSources],
    }),
    metafile: true,
    write: false,
  });
}

/** The options of esbuild that say what comes back. */
interface Bundled {
  metafile: true;
  write: false;
}

/** Bytes of each module in a bundle of sources, the largest first: published modules are bundles themselves. */
async function modulesIn(contents: string): Promise<BundleSize["modules"]> {
  const { metafile } = await bundleOf(contents, "sources");
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const modules = inputs
    .filter(([path]) => path.startsWith("src/"))
    .map(([path, { bytesInOutput }]) => [posix.relative("src", path), bytesInOutput] as const)
    .filter(([, bytes]) => bytes > 0);
  return modules.sort((a, b) => b[1] - a[1]);
}

async function sizeOf(contents: string, showsModules = false): Promise<Omit<BundleSize, "name" | "beyondCoreBytes">> {
  const { outputFiles } = await bundleOf(contents, "published modules");
  const code = Buffer.concat(outputFiles.map((file) => file.contents));
  const modules = showsModules ? await modulesIn(contents) : [];
  return { minifiedBytes: code.length, brotliBytes: brotliBytes(code), modules };
}

function brotliBytes(code: Uint8Array): number {
  return brotliCompressSync(code, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }).length;
}

/**
 * Measures bundles of the two programs, of each sub-path, and of everything, as an application makes them out of the
 * modules that are published (`npm run build` first).
 */
export async function bundleSizes(): Promise<BundleSize[]> {
  const names = subPaths().map(({ name }) => name);
  const core = await sizeOf(reexporting([CORE]));
  const sizes: BundleSize[] = [];
  for (const [name, program] of PROGRAMS) sizes.push({ name, ...(await sizeOf(program, true)), beyondCoreBytes: 0 });
  for (const name of names) {
    const beside = name === CORE ? core : await sizeOf(reexporting([CORE, name]));
    const size = await sizeOf(reexporting([name]));
    sizes.push({ name, ...size, beyondCoreBytes: beside.brotliBytes - core.brotliBytes });
  }
  const all = await sizeOf(reexporting(names), true);
  return [...sizes, { name: EVERYTHING, ...all, beyondCoreBytes: all.brotliBytes - core.brotliBytes }];
}

/** Bytes of a program over the modules that are published and over their sources, minified. */
export async function minifiedBytesBothWays(program: string): Promise<readonly [published: number, sources: number]> {
  const published = await bundleOf(program, "published modules");
  const sources = await bundleOf(program, "sources");
  const bytesOf = ({ outputFiles }: BuildResult<Bundled>): number => outputFiles[0]?.contents.length ?? 0;
  return [bytesOf(published), bytesOf(sources)];
}
