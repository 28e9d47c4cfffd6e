import { globSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** A test, or what sets it up, that takes so long has hung. */
const HANG_MS = 600_000;

const libraryRoot = new URL("./packages/kmem/", import.meta.url);

/** Each sub-path that the library exports, as an alias to its TypeScript source: no build stands between it and a test. */
function librarySources(): { find: RegExp; replacement: string }[] {
  const manifest = JSON.parse(readFileSync(new URL("package.json", libraryRoot), "utf8")) as {
    exports: Record<string, string | { types: string }>;
  };
  return Object.entries(manifest.exports).flatMap(([subPath, target]) => {
    if (typeof target === "string") return [];
    const source = target.types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts");
    return [
      {
        find: new RegExp(`^kmem${subPath.slice(1)}$`),
        replacement: fileURLToPath(new URL(source, libraryRoot)),
      },
    ];
  });
}

const root = fileURLToPath(new URL("./", import.meta.url));

/**
 * What a test names that starts threads, measures its own process, or changes what all of a process share; or that makes
 * hundreds of large memories, which takes twice as long where other tests have left theirs.
 */
const OWN_PROCESS =
  /worker_threads|interleave|deaths|\brun\w*(?:Stress|Campaign|Random|InProcess|CommandLine)\(|\bvi\.|useTestClock|inTwoThreads|globalThis|prepareStackTrace|probeResident|memoryOps|cliffsOf/;

/** Test files that start in a process of their own; all others take turns in a few, which saves a second each. */
const ownProcess: readonly string[] = globSync("packages/*/test/**/*.test.ts", { cwd: root }).filter((path) =>
  OWN_PROCESS.test(readFileSync(`${root}${path}`, "utf8")),
);

/** Parts of the paths of the files that take longest: one that began last would keep a single worker busy at the end. */
const LONGEST_FIRST: readonly string[] = [
  "/cliffs/",
  "/deaths/",
  "/interleave/",
  "/conformance/",
  "/stress/stress.test",
  "/kill/",
  "/dumps/",
  "/commands/",
  "/threads/",
  "/loads/",
  "/damage/",
  "/campaign",
  "/model.test",
];

/** Starts files with processes of their own first, and of each sort the longest; else the order is that of vitest. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId, project }: TestSpecification): number => {
      const rank = LONGEST_FIRST.findIndex((part) => moduleId.includes(part));
      const inSort = rank === -1 ? LONGEST_FIRST.length : rank;
      return project.config.isolate ? inSort : inSort + LONGEST_FIRST.length + 1;
    };
    return (await super.sort(files)).toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

/** What the laboratory imports of the command, as an alias to its TypeScript source. */
const commandSources = {
  find: /^kmem-cli\/internal\/(.*)$/,
  replacement: fileURLToPath(new URL("./packages/kmem-cli/src/$1.ts", import.meta.url)),
};

/** What the command imports of the inspector, as an alias to its TypeScript source. */
const inspectorSource = {
  find: /^kmem-inspector\/serve$/,
  replacement: fileURLToPath(new URL("./packages/kmem-inspector/src/serve/index.ts", import.meta.url)),
};

export default defineConfig({
  resolve: { alias: [...librarySources(), commandSources, inspectorSource] },
  test: {
    projects: [
      { extends: true, test: { name: "own process", include: [...ownProcess] } },
      {
        extends: true,
        test: { name: "shared", include: ["packages/*/test/**/*.test.ts"], exclude: [...ownProcess], isolate: false },
      },
    ],
    // Hundreds of threads and processes load the same sources: they are compiled, and their types taken out, once.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("./node_modules/.cache/node-compile", import.meta.url)) },
    // One on each processor: of its own accord vitest leaves one of them idle, of two the half.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    setupFiles: ["packages/kmem/test/setup.ts"],
    // Nets for what hangs, far beyond what any test takes on a machine that has other things to do: no verdict of speed.
    testTimeout: HANG_MS,
    hookTimeout: HANG_MS,
    teardownTimeout: HANG_MS,
  },
});
