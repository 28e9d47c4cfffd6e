// Damaged dumps and traces in the page, in Chromium: `npm run test:inspector -- [count] [seed] [first]`.
import { argv, exit, stdout } from "node:process";
import { Heap } from "kmem";
import { chromium } from "playwright-core";
import { findChromium } from "../../../kmem/test/browser/support/find-chromium.ts";
import { serveHeap } from "../../src/serve/index.ts";
import { bombs, HostileFiles, HostilePage, verdictOfModels } from "./hostile-page.ts";

/** A page that has not answered after so long hangs. */
const PATIENCE_MS = 120_000;
const PROGRESS_FILES = 50;

const executablePath = findChromium();
if (executablePath === undefined) {
  stdout.write("there is no Chromium to show files in\n");
  exit(1);
}
const [count = 300, seed = Date.now() % 1000, first = 0] = argv.slice(2).map(Number);
// The page of a server; what it would show of its own is left out.
await using server = await serveHeap(Heap.create({ sizeBytes: 2 ** 20 }));
const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"] });

async function newPage(): Promise<HostilePage> {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.route(`${server.url}session.json`, (route) => route.fulfill({ json: {} }));
  await page.goto(server.url);
  await page.locator(".welcome").waitFor();
  return new HostilePage(page);
}

const files = new HostileFiles(seed);
const totals = { shown: 0, refused: 0, faults: 0 };
let shown = await newPage();
const text = (): string => `seed ${seed}: ${totals.shown} shown, ${totals.refused} refused, ${totals.faults} faults`;
for (let number = first - bombs().length; number < first + count; number++) {
  const file = number < first ? bombs()[number - first + bombs().length]! : files.file(number);
  const expected = await verdictOfModels(file);
  const faults = await shown.look(file).then(
    (verdict) => {
      totals[verdict] += 1;
      return [...shown.inspector.faults, ...(verdict === expected ? [] : [`${verdict}, and not ${expected}`])];
    },
    (error: unknown) => [String(error), ...shown.inspector.faults],
  );
  if (faults.length > 0) {
    totals.faults += 1;
    stdout.write(`${file.name}: ${faults.join("; ")}\n`);
    await shown.inspector.page.close();
    shown = await newPage();
  }
  if ((number - first + 1) % PROGRESS_FILES === 0) stdout.write(`${text()}\n`);
}
stdout.write(`${text()}\n`);
await browser.close();
if (totals.faults > 0) exit(1);
