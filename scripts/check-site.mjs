// `npm run docs -- --check`: looks at the built site. Every link and anchor of every page leads somewhere; axe finds
// nothing in the pages that are written by hand; the main ones are also looked at on a phone, light and dark, and have
// their text without JavaScript; the first press of the search and of the menu works; and Lighthouse gives the main
// pages 95 of 100 at least. With `--pictures FOLDER` it takes pictures of the main pages and of a few more.
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { argv, exit } from "node:process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";
import { LOWEST_SCORE, siteScores } from "./site-scores.mjs";

const site = fileURLToPath(new URL("../tools/site/", import.meta.url));
const dist = join(site, "dist");
const axe = readFileSync(join(site, "node_modules", "axe-core", "axe.min.js"), "utf8");
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const mainPages = ["index", "start", "guide/blocks", "measurements"];
const morePictures = ["guide/buffer", "guide/slots", "comparison", "errors", "memory-bugs", "reference/kmem/linux"];
const wide = { name: "wide", width: 1360, height: 900 };
const phone = { name: "phone", width: 390, height: 844 };
const views = [wide, phone];
const schemes = /** @type {const} */ (["light", "dark"]);
const pictureFolder = argv.includes("--pictures") ? argv[argv.indexOf("--pictures") + 1] : undefined;

/** Every page by its path, with the ids in it and its links. */
function readPages() {
  const paths = readdirSync(dist, { recursive: true, encoding: "utf8" });
  const entries = paths
    .filter((path) => path.endsWith(".html"))
    .map((path) => {
      const html = readFileSync(join(dist, path), "utf8");
      const ids = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => decodeURIComponent(id ?? "")));
      const links = [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map(([, link]) => link ?? "");
      return /** @type {const} */ ([path, { ids, links }]);
    });
  return { files: new Set(paths), pages: new Map(entries) };
}

/** Links of the site that lead nowhere. */
function brokenLinks() {
  const { files, pages } = readPages();
  /** @param {string} page @param {string} link */
  const isBroken = (page, link) => {
    if (/^(?:https?:|mailto:|data:)/.test(link)) return false;
    const [path = "", anchor] = decodeURI(link).split("#");
    const target = path === "" ? page : path.startsWith("/") ? path.slice(1) : normalize(join(dirname(page), path));
    const file = [target, `${target}.html`, join(target, "index.html")].find((one) => files.has(one) && extname(one));
    if (file === undefined) return true;
    return anchor !== undefined && anchor !== "" && pages.get(file)?.ids.has(decodeURIComponent(anchor)) === false;
  };
  return [...pages].flatMap(([page, { links }]) =>
    links.filter((link) => isBroken(page, link)).map((link) => `${page} links to ${link}`),
  );
}

function serve() {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    try {
      const text = readFileSync(join(dist, path));
      const type = types[/** @type {keyof typeof types} */ (extname(path))] ?? "application/octet-stream";
      // As hosts of static files send them.
      const headers = { "content-type": type, "content-encoding": "gzip", "cache-control": "max-age=31536000" };
      response.writeHead(200, headers).end(gzipSync(text));
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "localhost", () => resolve(server)));
}

let faultCount = 0;
/** @param {string} fault */
function report(fault) {
  faultCount += 1;
  console.error(`  ${fault}`);
}

brokenLinks().forEach(report);
/** Written by hand: the inspector's page has tests of its own, and of the reference, long and all alike, two are taken. */
const pagesToLookAt = [...readPages().pages.keys()]
  .map((path) => path.replace(/\.html$/, ""))
  .filter((path) => !/^(?:404|inspector-page|reference\/kmem)/.test(path) || path === "reference/kmem/linux");
const server = /** @type {import("node:http").Server} */ (await serve());
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const browser = await chromium.launch({
  executablePath: findChromium() ?? "",
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});

/** @param {string} path @param {import("playwright-core").BrowserContextOptions} options @param {string} name */
async function look(path, options, name) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(`http://localhost:${port}/${path}.html`, { waitUntil: "load" });
  if (options.javaScriptEnabled === false) {
    const text = await page.locator("body").innerText();
    if (text.length < 500) report(`${path} without JavaScript has ${text.length} characters`);
  } else {
    await page.evaluate(`dispatchEvent(new Event("scroll"))`);
    await page.waitForFunction(`document.getElementById("app").__vue_app__ !== undefined`);
    await page.evaluate(axe);
    const results = await page.evaluate(`axe.run()`);
    for (const { id, nodes } of results.violations) {
      report(`${path}, ${name}: ${id}, ${nodes.length} times: ${nodes[0]?.html.slice(0, 160)}`);
    }
    if (pictureFolder !== undefined && [...mainPages, ...morePictures].includes(path)) {
      await page.screenshot({
        path: join(pictureFolder, `${path.replaceAll("/", "-")}-${name.replace(" ", "-")}.png`),
      });
    }
  }
  await context.close();
}

/**
 * The first press on a fresh page does what it says, though it is what starts the page's application.
 * @param {string} what
 * @param {import("playwright-core").ViewportSize} viewport
 * @param {(page: import("playwright-core").Page) => Promise<void>} press throws where nothing comes of it
 */
async function pressFirst(what, viewport, press) {
  const page = await browser.newPage({ viewport });
  await page.goto(`http://localhost:${port}/start.html`, { waitUntil: "load" });
  await press(page).catch((error) => report(`${what}: ${error}`));
  await page.close();
}

/** @param {import("playwright-core").Page} page */
async function findDoubleFree(page) {
  await page.locator(".VPLocalSearchBox input").fill("double free");
  await page.locator(".VPLocalSearchBox .result").first().waitFor();
}
await pressFirst("the search, by its button", wide, async (page) => {
  await page.locator("#local-search button").click();
  await findDoubleFree(page);
});
await pressFirst("the search, by its key", wide, async (page) => {
  await page.keyboard.press("/");
  await findDoubleFree(page);
});
await pressFirst("the menu of a phone", phone, async (page) => {
  await page.locator(".VPLocalNav .menu").click();
  await page.locator(".VPSidebar.open").waitFor();
});
for (const path of pagesToLookAt) {
  const isMain = mainPages.includes(path);
  if (isMain) await look(path, { javaScriptEnabled: false }, "without JavaScript");
  const hasAllViews = isMain || (pictureFolder !== undefined && morePictures.includes(path));
  for (const { name, width, height } of hasAllViews ? views : [wide]) {
    for (const colorScheme of hasAllViews ? schemes : [schemes[0]]) {
      await look(path, { viewport: { width, height }, colorScheme }, `${name} ${colorScheme}`);
    }
  }
}
await browser.close();
for (const { page, scores } of await siteScores(`http://localhost:${port}`, mainPages)) {
  const texts = Object.entries(scores).map(([name, score]) => `${name} ${score}`);
  console.log(`  ${page}: ${texts.join(", ")}`);
  for (const [name, score] of Object.entries(scores)) {
    if (score < LOWEST_SCORE) report(`${page}: ${name} is ${score}, below ${LOWEST_SCORE}`);
  }
}
server.close();
console.log(`  ${readPages().pages.size} pages, ${faultCount} faults`);
exit(faultCount === 0 ? 0 : 1);
