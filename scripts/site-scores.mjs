// Lighthouse's scores of the built site's main pages, as a phone sees them: `npm run docs -- --check` prints them and
// writes docs/figures/site.csv. Performance is a measurement, the median of three; the other scores are facts.
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";
import { csvText } from "../packages/kmem-lab/dist/figures/csv.js";
import { root } from "./stages.mjs";

/** What a page is to have in each category, of 100. */
export const LOWEST_SCORE = 95;
const CATEGORIES = /** @type {const} */ (["performance", "accessibility", "best-practices", "seo"]);
const RUNS = 3;
const figureFile = join(root, "docs", "figures", "site.csv");

/** @typedef {{ page: string, scores: Readonly<Record<string, number>> }} PageScores */
/** @typedef {{ lhr: { categories: Record<string, { score: number | null }> } }} LighthouseResult */

/** A port that nobody listens on. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "localhost", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** @param {readonly number[]} values an odd number of them */
const median = (values) => values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;

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
  /** @type {PageScores[]} */
  const all = [];
  try {
    for (const page of pages) {
      /** @type {Record<string, number>[]} */
      const runs = [];
      for (let run = 0; run < RUNS; run += 1) {
        const options = { port, onlyCategories: CATEGORIES, logLevel: "silent" };
        /** @type {LighthouseResult} */
        const { lhr } = await lighthouse(`${origin}/${page}.html`, options);
        const entries = CATEGORIES.map((name) => [name, Math.round(100 * (lhr.categories[name]?.score ?? 0))]);
        runs.push(Object.fromEntries(entries));
      }
      const entries = CATEGORIES.map((name) => [name, median(runs.map((scores) => scores[name] ?? 0))]);
      all.push({ page, scores: Object.fromEntries(entries) });
    }
  } finally {
    await browser.close();
  }
  const rows = all.map(({ page, scores }) => [page, ...CATEGORIES.map((name) => scores[name] ?? 0)]);
  writeFileSync(figureFile, csvText([["page", ...CATEGORIES], ...rows]));
  return all;
}
