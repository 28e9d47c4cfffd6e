// `npm run inspector:pictures`: takes the pictures of docs/inspector.md into docs/pictures, of the sample and of a
// bundled trace. Runs on the pinned Node, for it imports TypeScript.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process, { exit } from "node:process";
import { dumpHeap, Heap } from "kmem";
import { chromium } from "playwright-core";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";
import { SAMPLE_PATH, serveFiles } from "../packages/kmem-inspector/dist/serve/index.js";
import { SQLITE_MODULE, sqliteDump } from "../packages/kmem-inspector/test/support/program-dump.ts";
import { root } from "./stages.mjs";

const folder = join(root, "docs", "pictures");
const trace = join(root, "packages", "kmem-cli", "traces", "jq_group.trace.zst");
const viewport = { width: 1280, height: 800 };

/** @typedef {import("playwright-core").Page} Page */

const temporary = mkdtempSync(join(tmpdir(), "kmem-pictures-"));
process.on("exit", () => rmSync(temporary, { recursive: true, force: true }));

/** SQLite as npm has it, on a heap: files of a dump and of the module. */
async function programDump() {
  const path = join(temporary, "sqlite.dump");
  writeFileSync(path, await sqliteDump());
  return [path, SQLITE_MODULE];
}

/** A heap of sessions, and the same heap later: files of both. */
function comparedDumps() {
  const heap = Heap.create({ sizeBytes: 2 ** 22 });
  const sessions = heap.createCache({ name: "session", sizeBytes: 320 });
  const messages = Array.from({ length: 1500 }, (_, index) => heap.alloc(64 + ((index * 97) % 2000)));
  const buffers = Array.from({ length: 12 }, (_, index) => heap.alloc(40_000 + index * 3000));
  const save = (/** @type {string} */ name) => {
    const path = join(temporary, name);
    writeFileSync(path, dumpHeap(heap));
    return path;
  };
  const before = save("morning.dump");
  for (const [index, message] of messages.entries()) if (index % 5 < 2 || index > 1300) heap.free(message);
  for (const [index, buffer] of buffers.entries()) if (index % 3 === 0) heap.free(buffer);
  for (let count = 0; count < 900; count++) sessions.alloc();
  return [before, save("evening.dump")];
}

/** Each picture: of which file, and what is done before it is taken. */
const pictures = [
  {
    name: "map",
    file: SAMPLE_PATH,
    state: "view=map&mode=state",
    /** @param {Page} page */
    prepare: async (page) => {
      await page.locator("kmem-inspector-map canvas").click({ position: { x: 300, y: 128 } });
      await page.locator("#holder").waitFor();
    },
  },
  {
    name: "block",
    file: SAMPLE_PATH,
    state: "view=findings",
    /** @param {Page} page */
    prepare: async (page) => {
      await page.locator("kmem-inspector-findings li button").first().click();
      const wrong = page.locator("kmem-inspector-detail td.wrong").first();
      await wrong.waitFor();
      await wrong.scrollIntoViewIfNeeded();
    },
  },
  {
    name: "layers",
    file: SAMPLE_PATH,
    state: "view=layers",
    /** @param {Page} page */
    prepare: async (page) => {
      await page.locator("#caches").getByRole("button", { name: "kmalloc-448" }).click();
      await page.locator(".slabs").waitFor();
    },
  },
  {
    name: "who",
    file: SAMPLE_PATH,
    state: "view=sites",
    /** @param {Page} page */
    prepare: async (page) => {
      await page.locator("#sites").getByRole("button", { name: "takeOrder" }).first().click();
      await page.locator("#stack").waitFor();
    },
  },
  {
    name: "program",
    file: await programDump(),
    state: "view=map&mode=state",
    /** @param {Page} page */
    prepare: async (page) => {
      await page.locator("kmem-inspector-map[data-drawn]").waitFor();
      await page.locator("#address").fill("0x0");
      await page.getByRole("button", { name: "Find" }).click();
      await page.locator("#answer", { hasText: "the program" }).waitFor();
      await page.getByRole("button", { name: "All", exact: true }).click();
    },
  },
  {
    name: "compare",
    file: comparedDumps(),
    state: "view=compare",
    /** @param {Page} page */
    prepare: async (page) => {
      await page.locator("#comparison").waitFor();
    },
  },
  {
    name: "time",
    file: trace,
    state: "view=time",
    /** @param {Page} page */
    prepare: async (page) => {
      await page.locator("section[aria-label='Allocator 2'] canvas").waitFor();
      await page.getByRole("button", { name: "Peak" }).click();
      const event = (await page.locator("#event").innerText()).replaceAll(",", "");
      for (const place of [1, 2]) {
        await page.locator(`section[aria-label='Allocator ${place}'] [data-event='${event}']`).waitFor();
      }
    },
  },
];

const executablePath = findChromium();
if (executablePath === undefined) {
  console.error("there is no Chromium to take pictures with");
  exit(1);
}
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
for (const { name, file, state, prepare } of pictures) {
  const server = await serveFiles([file].flat().map((path) => ({ path })));
  const page = await browser.newPage({ viewport });
  await page.goto(`${server.url}#${state}`);
  await page.locator("[role=tabpanel]").waitFor();
  await prepare(page);
  // What was asked for is drawn within the next picture but one.
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(folder, `inspector-${name}.png`) });
  console.log(`docs/pictures/inspector-${name}.png`);
  await page.close();
  await server.close();
}
await browser.close();
