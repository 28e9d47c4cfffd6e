// `npm run runtimes`: the conformance suite on every runtime that the library is for, from its tarball. Installs them
// (`tools/runtimes`), runs the suite on each, prints a table, and writes it to docs/figures/runtimes.csv and
// docs/library.md. With names of runtimes (`npm run runtimes -- Deno Bun`) it runs on those alone, and leaves the other
// rows of the table as they are. Runs on the pinned Node, after the build.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { argv, exit } from "node:process";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";
import { subPaths } from "../packages/kmem-lab/dist/bundle/sub-paths.js";
import { csvText, parseCsv } from "../packages/kmem-lab/dist/figures/csv.js";
import { writeDocument } from "../packages/kmem-lab/dist/figures/documents.js";
import { markdownTable } from "../packages/kmem-lab/dist/figures/markdown.js";
import { root } from "./stages.mjs";
import { installInto, packInto } from "./tarballs.mjs";
import { installTools } from "./tool-folder.mjs";

const library = join(root, "packages", "kmem");
const suite = join(library, "test", "conformance");
const figureFile = join(root, "docs", "figures", "runtimes.csv");
const columns = ["runtime", "version", "passed", "skipped", "failed", "note"];

/** The programs of `tools/runtimes`: the first argument of each is what runs a module. */
const programs = [
  { name: "Node 20", file: "node-20/bin/node", args: [] },
  { name: "Node 22", file: "node-22/bin/node", args: [] },
  { name: "Node 24", file: "node-24/bin/node", args: [] },
  { name: "Node 26", file: "node-26/bin/node", args: [] },
  { name: "Deno", file: "deno/deno", args: ["run"] },
  { name: "Bun", file: "bun/bin/bun.exe", args: ["run"] },
];

/** The kinds of threads in a browser, by what runs the suite there. */
const contexts = [
  { name: "Chromium, a page's main thread", method: "inPage" },
  { name: "Chromium, a dedicated worker", method: "inWorker" },
  { name: "Chromium, an AudioWorklet", method: "inWorklet" },
];

/** The allocators of the suite, by their names. @type {readonly { readonly name: string }[]} */
const allocators = (await import(pathToFileURL(join(suite, "adapters", "all.ts")).href)).ADAPTERS;

/** The kinds of memory of the suite. @type {readonly { readonly name: string }[]} */
const memories = (await import(pathToFileURL(join(suite, "memories.ts")).href)).MEMORIES;

/** @typedef {{ passed: number, skipped: number, failed: number }} Counts */
/** @typedef {{ name: string, version: string, counts?: Counts, note: string }} Row */

/**
 * Bundles an entry of the suite; what a sub-path exports comes from the tarball, and only what none does from the
 * sources: the engines below.
 * @param {string} entry
 * @param {string} outfile
 * @param {boolean} isWhole whether the library's modules are to be in it, for browsers; else it imports them by name
 */
async function bundleSuite(entry, outfile, isWhole) {
  const published = new Map(subPaths().map(({ name, source, module }) => [join(library, source), { name, module }]));
  const installed = join(dirname(outfile), "node_modules", "kmem");
  await build({
    entryPoints: [join(suite, entry)],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    logOverride: { "ignored-bare-import": "silent" },
    plugins: [
      {
        name: "the tarball",
        setup({ onResolve }) {
          onResolve({ filter: /\.ts$/ }, ({ path, resolveDir }) => {
            const found = published.get(join(resolveDir, path));
            if (found === undefined) return undefined;
            return isWhole ? { path: join(installed, found.module) } : { path: found.name, external: true };
          });
        },
      },
    ],
  });
}

/** Characters of an error that go into a note. */
const NOTE_CHARS = 300;

/** @param {Counts} sum @param {Counts} counts */
function add(sum, { passed, skipped, failed }) {
  sum.passed += passed;
  sum.skipped += skipped;
  sum.failed += failed;
}

/** @param {string} text @returns {Counts | undefined} */
function countsIn(text) {
  const [, passed, skipped, failed] = /^all: (\d+) passed, (\d+) skipped, (\d+) failed/m.exec(text) ?? [];
  if (failed === undefined) return undefined;
  return { passed: Number(passed), skipped: Number(skipped), failed: Number(failed) };
}

/**
 * Runs the suite on a runtime, each allocator over each memory in a process of its own: what a memory of WebAssembly
 * reserves is given back late, and the V8 of Node 22 is slow for minutes where views of resizable buffers came first.
 * @param {{ name: string, file: string, args: readonly string[] }} program
 * @param {string} tools
 * @param {string} module
 * @returns {Row}
 */
function runOn({ name, file, args }, tools, module) {
  const program = join(tools, "node_modules", file);
  if (!existsSync(program)) return { name, version: "", note: "its npm package has no program for this machine" };
  const version = spawnSync(program, ["--version"], { encoding: "utf8" });
  const [, number = ""] = /(\d+\.\d+\.\d+\S*)/.exec(version.stdout ?? "") ?? [];
  if (number === "")
    return { name, version: "", note: `it does not start: ${version.error?.message ?? version.stderr}` };
  const sum = { passed: 0, skipped: 0, failed: 0 };
  for (const parts of allocators.flatMap((one) => memories.map((memory) => [`=${one.name}`, `=${memory.name}`]))) {
    const { stdout, stderr } = spawnSync(program, [...args, module, ...parts], {
      cwd: dirname(module),
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    const counts = countsIn(stdout);
    for (const line of stdout.split("\n").filter((text) => text.includes("FAILED"))) console.log(`${name}: ${line}`);
    if (counts === undefined) return { name, version: number, note: `it did not end: ${stderr.slice(0, NOTE_CHARS)}` };
    add(sum, counts);
  }
  return { name, version: number, counts: sum, note: "" };
}

/** Serves a module and an empty page, isolated, so that there is shared memory. @param {string} module */
async function serve(module) {
  const server = createServer((request, response) => {
    const isModule = request.url?.endsWith(".js") === true;
    response.writeHead(200, {
      "content-type": isModule ? "text/javascript" : "text/html",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    });
    response.end(isModule ? readFileSync(module) : "<!doctype html><title>conformance</title>");
  });
  await new Promise((resolve) => server.listen(0, "localhost", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { server, site: `http://localhost:${address.port}` };
}

/** @param {readonly { name: string, method: string }[]} wanted @param {string} module @returns {Promise<Row[]>} */
async function runInChromium(wanted, module) {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    return wanted.map(({ name }) => ({ name, version: "", note: "there is no Chromium on this machine" }));
  }
  const { server, site } = await serve(module);
  const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
  const version = browser.version();
  // Chromium would end with the last of its pages.
  await browser.newPage();
  /** @type {Row[]} */
  const rows = [];
  for (const { name, method } of wanted) {
    const sum = { passed: 0, skipped: 0, failed: 0 };
    let note = "";
    for (const allocator of allocators) {
      // A page of its own: what a memory of WebAssembly reserves is given back late, or not before the page ends.
      const context = await browser.newContext();
      const page = await context.newPage();
      page.setDefaultTimeout(0);
      try {
        await page.goto(site);
        const { counts, failures } = await page.evaluate(
          async ([url, called, part]) => (await import(`${url}/suite.js`))[`${called}`](part),
          [site, method, `=${allocator.name}`],
        );
        for (const line of failures) console.log(`${name}: ${allocator.name}: ${line}`);
        add(sum, counts);
      } catch (error) {
        note ||= `${allocator.name} did not end: ${String(error).slice(0, NOTE_CHARS)}`;
      }
      await context.close();
    }
    rows.push({ name, version, ...(note === "" && { counts: sum }), note });
  }
  await browser.close();
  server.close();
  return rows;
}

/** @param {Row} row */
function cellsOf({ name, version, counts, note }) {
  const text = note.replace(/\s+/g, " ").replaceAll('"', "'");
  return [name, version, counts?.passed ?? "", counts?.skipped ?? "", counts?.failed ?? "", text].map(String);
}

/** The rows of the table, with those of this run in the places of what they were. @param {readonly Row[]} rows */
function tableWith(rows) {
  const before = existsSync(figureFile) ? parseCsv(readFileSync(figureFile, "utf8")) : [];
  const known = new Map(before.map((record) => [record["runtime"], columns.map((column) => record[column] ?? "")]));
  for (const row of rows) known.set(row.name, cellsOf(row));
  return [
    columns,
    ...[...programs, ...contexts].flatMap(({ name }) => (known.has(name) ? [known.get(name) ?? []] : [])),
  ];
}

/** The table without its notes, which are for those who look for a fault. @param {readonly (readonly string[])[]} table */
function documentTable(table) {
  return table.map((cells) => cells.slice(0, columns.indexOf("note")).map((cell) => cell || "–"));
}

/** @param {readonly (readonly string[])[]} lines */
function printTable(lines) {
  const widths = columns.map((_, column) => Math.max(...lines.map((cells) => String(cells[column]).length)));
  for (const cells of lines) console.log(cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
}

const names = argv.slice(2);
const isWanted = (/** @type {{ name: string }} */ { name }) =>
  names.length === 0 || names.some((one) => name.includes(one));
const folder = mkdtempSync(join(tmpdir(), "kmem-runtimes-"));
try {
  const tools = installTools("runtimes");
  for (const tarball of packInto(folder)) if (tarball.name === "kmem") installInto(tarball, folder);
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "dependencies": { "kmem": "*" } }\n');
  const [forPrograms, forBrowsers] = [join(folder, "suite.js"), join(folder, "browser.js")];
  await bundleSuite("run.ts", forPrograms, false);
  await bundleSuite("contexts/in-browser.ts", forBrowsers, true);
  /** @type {Row[]} */
  const rows = [];
  for (const program of programs.filter(isWanted)) {
    console.log(`  ${program.name} …`);
    rows.push(runOn(program, tools, forPrograms));
  }
  rows.push(...(await runInChromium(contexts.filter(isWanted), forBrowsers)));
  const table = tableWith(rows);
  printTable(table);
  writeFileSync(figureFile, csvText(table));
  writeDocument(join(root, "docs", "library.md"), { "figures: runtimes": markdownTable(documentTable(table)) });
  exit(rows.every(({ counts, version }) => counts?.failed === 0 || version === "") ? 0 : 1);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
