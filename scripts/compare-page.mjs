// `npm run compare:page`: makes the page of `kmem compare` of three bundled traces and looks at it in Chromium. Nothing
// is complained about, nothing is asked for outside, and axe finds nothing, wide and on a phone, light and dark; on
// paper nothing is cut off; every figure is what the JSON at its end says. With `--pictures FOLDER` it takes pictures;
// `--pictures docs/pictures` takes those of the documents, `--whole` all of each view. With `--page FILE` it looks at a
// page that there is.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { argv, exit } from "node:process";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";
import { pinnedNode, root, run } from "./stages.mjs";

const traces = ["sqlite_file.trace.zst", "jq_group.trace.zst", "mid-6.12-hashedptr.trace.txt.zst"];
const views = [
  { name: "wide", width: 1280, height: 1180 },
  { name: "phone", width: 390, height: 844 },
];
const schemes = /** @type {const} */ (["light", "dark"]);
/** A4 less the margins, at 96 dots to the inch. */
const paper = { width: 690, height: 1000 };

/** @param {string} name */
const optionOf = (name) => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined);
const pictureFolder = optionOf("--pictures");

/** The page to look at. */
function makePage() {
  const given = optionOf("--page");
  if (given !== undefined) return resolve(given);
  const page = join(mkdtempSync(join(tmpdir(), "kmem-page-")), "compare.html");
  const cli = join(root, "packages/kmem-cli/bin/kmem.js");
  // Seen from the root, so that no machine's folders are in the pictures.
  const paths = traces.map((trace) => `packages/kmem-cli/traces/${trace}`);
  const allocators = "kmem,glibc,wasm-dlmalloc,buddy";
  const sweep = ["--sweep", "sheaf=8:64,slab=0:64K"];
  const args = [cli, "compare", "--runs", "3", "--memory", "6M", "-a", allocators, ...sweep];
  if (run(pinnedNode, [...args, "--html", page, ...paths]) !== 0) throw new Error("kmem compare has failed");
  return page;
}

const page = makePage();
const axe = readFileSync(join(root, "node_modules", "axe-core", "axe.min.js"), "utf8");
/** @type {string[]} */
const faults = [];
const browser = await chromium.launch({
  executablePath: findChromium() ?? "",
  args: ["--headless", "--no-sandbox", "--disable-gpu"],
});

/** Figures that are not what the JSON says, as the page's own elements tell. */
const figureFaults = `(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  const all = [...document.querySelectorAll("data[data-from]")];
  const wrong = all.filter((one) => {
    const value = one.dataset.from.slice(1).split("/").reduce((at, step) => at[step], report);
    return String(value) !== one.value || one.textContent.trim() === "";
  });
  return { count: all.length, wrong: wrong.map((one) => one.outerHTML) };
})()`;

/** @param {string} name @param {import("playwright-core").BrowserContextOptions} options */
async function look(name, options) {
  // Axe is put in from outside, past the page's own rule that it runs no scripts.
  const context = await browser.newContext({ ...options, bypassCSP: true });
  const tab = await context.newPage();
  tab.on("console", (message) => faults.push(`${name}: the console says ${message.text()}`));
  tab.on("pageerror", (error) => faults.push(`${name}: ${error.message}`));
  tab.on("request", (request) => {
    if (!/^(?:file|data):/.test(request.url())) faults.push(`${name}: it asks for ${request.url()}`);
  });
  await tab.goto(pathToFileURL(page).href, { waitUntil: "load" });
  await tab.evaluate(axe);
  const { violations } = await tab.evaluate("axe.run()");
  for (const { id, nodes } of violations) {
    faults.push(`${name}: ${id}, ${nodes.length} times: ${nodes[0]?.html.slice(0, 200)}`);
  }
  const { count, wrong } = await tab.evaluate(figureFaults);
  if (count === 0) faults.push(`${name}: no figure says where it is from`);
  for (const figure of wrong) faults.push(`${name}: not what the JSON says: ${figure}`);
  const isWider = await tab.evaluate("document.documentElement.scrollWidth > innerWidth");
  if (isWider) faults.push(`${name}: the page is wider than the window`);
  if (pictureFolder !== undefined) await takePictures(tab, name);
  await context.close();
  return count;
}

/** @param {import("playwright-core").Page} tab @param {string} name */
async function takePictures(tab, name) {
  const picture = (/** @type {string} */ part) => join(String(pictureFolder), `compare-${name}${part}.png`);
  if (argv.includes("--whole")) await tab.screenshot({ path: picture("-whole"), fullPage: true });
  else if (name.startsWith("wide")) {
    await tab.evaluate(`document.getElementById("t0").scrollIntoView()`);
    await tab.screenshot({ path: picture("") });
  }
}

/** On paper nothing scrolls: what is wider than the sheet would be cut off. */
async function lookAtPaper() {
  const context = await browser.newContext({ viewport: paper, bypassCSP: true });
  const tab = await context.newPage();
  await tab.emulateMedia({ media: "print" });
  await tab.goto(pathToFileURL(page).href, { waitUntil: "load" });
  const cut = /** @type {string[]} */ (
    await tab.evaluate(`[...document.querySelectorAll("table, figure, p")]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
      .map((one) => one.textContent.trim().slice(0, 60))`)
  );
  for (const text of cut) faults.push(`paper: cut off: ${text}`);
  if (argv.includes("--whole")) await tab.pdf({ path: join(String(pictureFolder), "compare.pdf"), format: "A4" });
  await context.close();
}

let figures = 0;
for (const { name, width, height } of views) {
  for (const colorScheme of schemes) {
    figures = await look(`${name}-${colorScheme}`, { viewport: { width, height }, colorScheme });
  }
}
await lookAtPaper();
await browser.close();
for (const fault of faults) console.error(`  ${fault}`);
console.log(`  ${page}: ${figures} figures, ${faults.length} faults`);
exit(faults.length === 0 ? 0 : 1);
