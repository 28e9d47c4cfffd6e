// `npm run inspector:speed`: how long the inspector takes for a dump of 4 GiB and for a trace of ten million events, in
// the Chromium of this machine without a GPU. Writes docs/figures/inspector.md. Needs 12 GB of memory and some minutes.
// Runs on the pinned Node, for it imports TypeScript.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { arch, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { exit } from "node:process";
import { dumpHeap, Heap } from "kmem";
import { chromium } from "playwright-core";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";
import { serveFiles } from "../packages/kmem-inspector/dist/serve/index.js";
import { root } from "./stages.mjs";

/** @typedef {import("playwright-core").Browser} Browser */

const GIB = 2 ** 30;
const EVENTS = 10_000_000;
const TRACE_SLOTS = 200_000;
const PAN_PICTURES = 60;
const SCRUBS = 40;
const WRITE_BYTES = 2 ** 28;

/** Numbers that look random and are always the same. */
function randomFrom(seed = 1) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A heap of 4 GiB, most of it in use and of every size, a byte written in each page of it. @param {string} path */
function writeBigDump(path) {
  const heap = Heap.create({ sizeBytes: 4 * GIB });
  const random = randomFrom();
  const bytes = new Uint8Array(heap.buffer);
  const blocks = [];
  for (let taken = 0; taken < 3.2 * GIB; ) {
    const sizeBytes = random(4) === 0 ? 32_768 + random(400_000) : 2048 + random(12_000);
    const address = heap.tryAlloc(sizeBytes);
    if (address === 0) break;
    for (let at = address; at < address + sizeBytes; at += 4096) bytes[at] = 1;
    blocks.push(address);
    taken += sizeBytes;
  }
  for (const block of blocks) if (random(5) === 0) heap.free(block);
  const dump = dumpHeap(heap);
  const file = openSync(path, "w");
  for (let at = 0; at < dump.length; at += WRITE_BYTES) writeSync(file, dump.subarray(at, at + WRITE_BYTES));
  closeSync(file);
  return dump.length;
}

/** A trace of ten million calls of malloc and free, in the binary form. @param {string} path */
function writeBigTrace(path) {
  const random = randomFrom(7);
  const sizes = new Uint32Array(TRACE_SLOTS);
  const words = new Uint32Array(16 + 2 * EVENTS);
  words.set([0x43525441, 1, EVENTS, TRACE_SLOTS]);
  for (let event = 0; event < EVENTS; event++) {
    const slot = random(TRACE_SLOTS);
    const isFree = sizes[slot] !== 0;
    sizes[slot] = isFree ? 0 : 16 + random(2000);
    words[16 + 2 * event] = (slot << 8) | (isFree ? 1 : 0);
    words[17 + 2 * event] = sizes[slot] ?? 0;
  }
  writeFileSync(path, words);
}

const executablePath = findChromium();
if (executablePath === undefined) {
  console.error("there is no Chromium to measure in");
  exit(1);
}
const folder = mkdtempSync(join(tmpdir(), "kmem-inspector-speed-"));
const viewport = { width: 1360, height: 860 };

/** Opens a file; the page, and what closes it. @param {Browser} browser @param {string} path */
async function open(browser, path) {
  const server = await serveFiles([{ path }]);
  const page = await browser.newPage({ viewport });
  page.setDefaultTimeout(600_000);
  await page.goto(server.url);
  const close = async () => {
    await page.close();
    await server.close();
  };
  return { page, close };
}

/** Milliseconds to the first picture of a map, and pictures a second while it is panned. @param {Browser} browser @param {string} path */
async function measureDump(browser, path) {
  const { page, close } = await open(browser, path);
  await page.locator("kmem-inspector-map[data-drawn]").waitFor();
  const firstMs = await page.evaluate(`performance.getEntriesByName("kmem-inspector-first-picture")[0].startTime`);
  const [panRate, zoomedRate] = await page.evaluate(`(async () => {
    const { map } = document.querySelector("kmem-inspector").shadowRoot.querySelector("kmem-inspector-map");
    const rate = async (move) => {
      const startMs = performance.now();
      for (let count = 0; count < ${PAN_PICTURES}; count++) {
        move(count % 2 === 0 ? 40 : -40);
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
      }
      return (1000 * 2 * ${PAN_PICTURES}) / (performance.now() - startMs);
    };
    map.zoom(4);
    const whole = await rate((pixels) => map.pan(pixels, pixels));
    map.zoom(10);
    return [whole, await rate((pixels) => map.pan(pixels, pixels))];
  })()`);
  await page.locator("#tab-layers").click();
  await page.locator("[data-figure=liveBlocks]").waitFor();
  const figuresMs = await page.evaluate("performance.now()");
  await close();
  return { firstMs, panRate, zoomedRate, figuresMs };
}

/** Milliseconds to open a trace, and the milliseconds that moves of the scrubber wait for figures and maps. @param {Browser} browser @param {string} path */
async function measureTrace(browser, path) {
  const { page, close } = await open(browser, path);
  await page.locator("#live").waitFor();
  const openMs = await page.evaluate("performance.now()");
  await page.locator("kmem-inspector-time [data-side=footprint]").nth(1).waitFor();
  const replayedMs = await page.evaluate("performance.now()");
  const answersMs = await page.evaluate(`(async () => {
    const view = document.querySelector("kmem-inspector").shadowRoot.querySelector("kmem-inspector-time");
    const scrubber = view.shadowRoot.querySelector("#scrubber");
    const answers = [];
    for (let count = 0; count < ${SCRUBS}; count++) {
      const event = (count * 7_919_113) % ${EVENTS};
      const startMs = performance.now();
      scrubber.value = String(event);
      scrubber.dispatchEvent(new Event("input"));
      const wanted = Number(scrubber.value).toLocaleString("en");
      // The figures, and the pages of both allocators.
      const isThere = () =>
        view.shadowRoot.querySelector("#event").textContent === wanted &&
        view.shadowRoot.querySelectorAll("[data-event='" + event + "']").length === 2;
      while (!isThere()) await new Promise(requestAnimationFrame);
      answers.push(performance.now() - startMs);
    }
    return answers.sort((a, b) => a - b);
  })()`);
  await close();
  return { openMs, replayedMs, medianMs: answersMs[SCRUBS >> 1], mostMs: answersMs.at(-1) };
}

try {
  const dumpPath = join(folder, "big.dump");
  const tracePath = join(folder, "big.trace");
  const dumpBytes = writeBigDump(dumpPath);
  writeBigTrace(tracePath);
  const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
  const dump = await measureDump(browser, dumpPath);
  const trace = await measureTrace(browser, tracePath);
  const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(1)} s`;
  const rows = [
    [`a dump of 4 GiB (${(dumpBytes / GIB).toFixed(1)} GiB of pages): first picture`, seconds(dump.firstMs)],
    ["the same: figures of every layer", seconds(dump.figuresMs)],
    ["the same: pictures a second while it is panned", dump.panRate.toFixed(0)],
    ["the same, zoomed in until pages have blocks", dump.zoomedRate.toFixed(0)],
    ["a trace of 10,000,000 events: opened", seconds(trace.openMs)],
    ["the same: replayed on two allocators", seconds(trace.replayedMs)],
    ["the same: a move of the scrubber answered, median", `${trace.medianMs.toFixed(0)} ms`],
    [`the same: the longest of ${SCRUBS}`, `${(trace.mostMs ?? 0).toFixed(0)} ms`],
  ];
  const width = Math.max(...rows.map(([what = ""]) => what.length));
  const text = `<!-- npm run inspector:speed -->
# How long the inspector takes

Chromium ${browser.version()} without a GPU, on ${cpus().length} × ${cpus()[0]?.model.trim()} (${arch()}). Times are
from the opening of the page; a machine that has other work to do shows it here. \`npm run inspector:speed\` measures again.

| ${"what".padEnd(width)} | took   |
| ${"-".repeat(width)} | ------ |
${rows.map(([what = "", took = ""]) => `| ${what.padEnd(width)} | ${took.padEnd(6)} |`).join("\n")}
`;
  writeFileSync(join(root, "docs", "figures", "inspector.md"), text);
  console.log(text);
  await browser.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
