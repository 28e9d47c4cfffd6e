// `npm run test:package`: packs what is published, and looks at the tarballs as a stranger would. What is in them and
// what they say of themselves; publint and "are the types wrong"; a program that uses every sub-path, compiled by two
// versions of TypeScript with nothing declared but the language, and with all. `--short`, as `npm test` has it, leaves
// out what differs least: another way to find modules, and everything declared.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { metadataOf } from "./package-documents.mjs";
import { pinnedNode, root } from "./stages.mjs";
import { installInto, packInto } from "./tarballs.mjs";
import { installTools } from "./tool-folder.mjs";

const KILOBYTE = 1000;

/** What each tarball may weigh, bytes: what it weighs, rounded up. Sources are a half of the library's. */
const limits = new Map([
  ["kmem", 1080 * KILOBYTE],
  ["kmem-inspector", 450 * KILOBYTE],
  ["kmem-cli", 3100 * KILOBYTE],
]);

/** Ways to resolve modules that there is nothing for: both packages are ES modules, found by their `exports`. */
const foreignResolutions = new Set(["node10", "node16-cjs"]);

/** Options under which a program must compile: no `dom`, no types of Node, no `esnext.disposable`; and with all. */
const languageAlone = { lib: ["es2022"], types: [], target: "es2022", skipLibCheck: false, skipDefaultLibCheck: true };
const everything = { lib: ["esnext", "dom"], types: ["node"], target: "es2022", skipLibCheck: true };
const nodeNext = { module: "nodenext" };
const bundler = { module: "esnext", moduleResolution: "bundler" };

/** Programs to compile, with their options. */
const programs = [
  { files: ["uses-all.ts"], options: { ...languageAlone, ...nodeNext } },
  { files: ["uses-all.ts"], options: { ...languageAlone, ...bundler } },
  { files: ["uses-all.ts", "uses-more.ts"], options: { ...everything, ...nodeNext } },
  { files: ["uses-all.ts", "uses-more.ts"], options: { ...everything, ...bundler } },
].slice(0, argv.includes("--short") ? 1 : undefined);

/** @typedef {import("./tarballs.mjs").Tarball} Tarball */

/** Faults in what a tarball holds. @param {Tarball} tarball */
function contentFaults({ name, file, sizeBytes, paths }) {
  const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
  const faults = ["LICENSE", "README.md", "CHANGELOG.md", "package.json"]
    .filter((path) => !paths.includes(path))
    .map((path) => `there is no ${path}`);
  for (const [key, value] of Object.entries(metadataOf(name))) {
    if (isDeepStrictEqual(manifest[key], value)) continue;
    faults.push(`package.json has another ${key}: run node scripts/package-documents.mjs`);
  }
  const strange = paths.filter((path) => /(?:^|\/)(?:test|node_modules|\.)|tsbuildinfo|\.test\./.test(path));
  if (strange.length > 0) faults.push(`these are not for users: ${strange.join(", ")}`);
  const sources = new Set(paths.filter((path) => path.startsWith("src/")));
  const orphans = paths.filter((path) => /^dist\/.*\.d\.ts$/.test(path) && sources.size > 0);
  for (const path of orphans.filter((one) => !sources.has(one.replace("dist/", "src/").replace(".d.ts", ".ts")))) {
    faults.push(`${path} has no source: it is left of an old build`);
  }
  const limitBytes = limits.get(name) ?? 0;
  if (sizeBytes > limitBytes) faults.push(`${file} has ${sizeBytes} bytes, more than ${limitBytes}`);
  return faults;
}

/** What publint says. @param {Tarball} tarball @param {NodeJS.Require} require */
async function publintFaults({ file }, require) {
  const { publint } = await import(pathToFileURL(require.resolve("publint")).href);
  const { formatMessage } = await import(pathToFileURL(require.resolve("publint/utils")).href);
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  const tarball = buffer.slice(byteOffset, byteOffset + byteLength);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  return messages.map((/** @type {object} */ message) => `publint: ${formatMessage(message, pkg)}`);
}

/** What "are the types wrong" says. @param {Tarball} tarball @param {NodeJS.Require} require */
async function typeFaults({ file }, require) {
  const main = pathToFileURL(require.resolve("@arethetypeswrong/core")).href;
  const { checkPackage, createPackageFromTarballData } = await import(main);
  const { types, problems } = await checkPackage(createPackageFromTarballData(readFileSync(file)));
  if (types === false) return ["attw: it has no types"];
  return problems
    .filter((/** @type {{ resolutionKind?: string }} */ one) => !foreignResolutions.has(one.resolutionKind ?? ""))
    .map((/** @type {object} */ problem) => `attw: ${JSON.stringify(problem)}`);
}

/** What the compilers say of a program that uses every sub-path. @param {string} folder @param {string} tools */
function compilerFaults(folder, tools) {
  cpSync(join(root, "tools", "package", "consumer"), folder, { recursive: true });
  symlinkSync(join(root, "node_modules", "@types"), join(folder, "node_modules", "@types"));
  symlinkSync(join(root, "node_modules", "undici-types"), join(folder, "node_modules", "undici-types"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  const compilers = [root, tools].map((place) => join(place, "node_modules", "typescript"));
  return compilers.flatMap((compiler) => {
    const { version } = JSON.parse(readFileSync(join(compiler, "package.json"), "utf8"));
    return programs.flatMap(({ files, options }) => {
      const compilerOptions = { ...options, strict: true, noEmit: true };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
      const { status, stdout } = spawnSync(pinnedNode, [join(compiler, "bin", "tsc"), "-p", folder], {
        encoding: "utf8",
      });
      return status === 0 ? [] : [`TypeScript ${version}, ${JSON.stringify(options)}:\n${stdout}`];
    });
  });
}

/** All faults of all tarballs. */
async function allFaults() {
  const tools = installTools("package");
  const require = createRequire(join(tools, "package.json"));
  const folder = mkdtempSync(join(tmpdir(), "kmem-package-"));
  try {
    const faults = [];
    for (const tarball of packInto(folder)) {
      const found = [...contentFaults(tarball), ...(await publintFaults(tarball, require))];
      if (tarball.name === "kmem") found.push(...(await typeFaults(tarball, require)));
      faults.push(...found.map((fault) => `${tarball.name}: ${fault}`));
      installInto(tarball, folder);
      console.log(`  ${tarball.name}: ${tarball.paths.length} files, ${Math.round(tarball.sizeBytes / KILOBYTE)} kB`);
    }
    return [...faults, ...compilerFaults(folder, tools)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const faults = await allFaults();
for (const fault of faults) console.error(`  ${fault}`);
if (faults.length === 0) console.log("  nothing is wrong with any, nor with a program that uses them");
exit(faults.length === 0 ? 0 : 1);
