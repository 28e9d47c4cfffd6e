// Lighthouse's scores of the built site's main pages, as a phone sees them: `npm run docs -- --check` prints them and
// writes docs/figures/site.csv. Performance is a measurement, the median of three; the other scores are facts. What it is
// made of stands beside it, and what the page weighs.
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";
import { median } from "../packages/kmem-cli/dist/system/statistics.js";
import { csvText } from "../packages/kmem-lab/dist/figures/csv.js";
import { root } from "./stages.mjs";

/** What a page is to have in each category, of 100. */
export const LOWEST_SCORE = 95;
const CATEGORIES = /** @type {const} */ (["performance", "accessibility", "best-practices", "seo"]);
const RUNS = 3;
/** What performance is made of, as Lighthouse names it, and the columns for it. */
const PARTS = /** @type {const} */ ([
  ["first-contentful-paint", "first_paint_ms"],
  ["largest-contentful-paint", "largest_paint_ms"],
  ["total-blocking-time", "blocking_ms"],
  ["cumulative-layout-shift", "layout_shift"],
  ["total-byte-weight", "transfer_bytes"],
]);
/** Digits of a part after the point. */
const PART_DIGITS = 3;
/** How much slower than this machine's Lighthouse takes a phone's processor to be, where this machine is fast. */
const PHONE_SLOWDOWN = 4;
/** The benchmark index of a machine below which Lighthouse says that it is too slow for that. */
const FAST_MACHINE_INDEX = 1000;
const figureFile = join(root, "docs", "figures", "site.csv");

/** @typedef {{ page: string, scores: Readonly<Record<string, number>> }} PageScores */
/**
 * @typedef {{ categories: Record<string, { score: number | null }>, environment: { benchmarkIndex: number },
 *   audits: Record<string, { numericValue?: number }> }} LighthouseResult
 */

/** A port that nobody listens on. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "localhost", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/**
 * The scores of each page, of 100; written to docs/figures/site.csv.
 * @param {string} origin where the site is served
 * @param {readonly string[]} pages their paths, without `.html`
 * @returns {Promise<PageScores[]>}
 */
export async function siteScores(origin, pages) {
  const entry = join(root, "tools", "site", "node_modules", "lighthouse", "core", "index.js");
  const { default: lighthouse } = await import(pathToFileURL(entry).href);
  const port = await freePort();
  const browser = await chromium.launch({
    executablePath: findChromium() ?? "",
    args: ["--headless", "--no-sandbox", "--disable-gpu", `--remote-debugging-port=${port}`],
  });
  let slowdown = PHONE_SLOWDOWN;
  /** @param {string} page */
  const measure = async (page) => {
    const throttling = { cpuSlowdownMultiplier: slowdown };
    const settings = { extends: "lighthouse:default", settings: { onlyCategories: CATEGORIES, throttling } };
    const answer = await lighthouse(`${origin}/${page}.html`, { port, logLevel: "silent" }, settings);
    const { categories, audits, environment } = /** @type {LighthouseResult} */ (answer.lhr);
    // A machine that is slow, or busy, is slowed down by less.
    slowdown = Math.max(1, PHONE_SLOWDOWN * Math.min(1, environment.benchmarkIndex / FAST_MACHINE_INDEX));
    return {
      scores: CATEGORIES.map((name) => Math.round(100 * (categories[name]?.score ?? 0))),
      parts: PARTS.map(([name]) => Number((audits[name]?.numericValue ?? 0).toFixed(PART_DIGITS))),
    };
  };
  /** @param {readonly (readonly number[])[]} lists */
  const medians = (lists) => (lists[0] ?? []).map((_, index) => median(lists.map((list) => list[index] ?? 0)));
  /** @type {PageScores[]} */
  const all = [];
  /** @type {(string | number)[][]} */
  const rows = [];
  try {
    // Tells how fast the machine is.
    await measure(pages[0] ?? "index");
    for (const page of pages) {
      const runs = [];
      for (let run = 0; run < RUNS; run += 1) runs.push(await measure(page));
      const scores = medians(runs.map((run) => run.scores));
      all.push({ page, scores: Object.fromEntries(CATEGORIES.map((name, index) => [name, scores[index] ?? 0])) });
      rows.push([page, ...scores, ...medians(runs.map((run) => run.parts))]);
    }
  } finally {
    await browser.close();
  }
  writeFileSync(figureFile, csvText([["page", ...CATEGORIES, ...PARTS.map(([, column]) => column)], ...rows]));
  return all;
}
