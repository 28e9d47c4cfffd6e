import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import type { Page } from "playwright-core";

const viewerFolder = dirname(createRequire(import.meta.url).resolve("speedscope/dist/release/file-format-schema.json"));

// No server listens here: the requests of the page are answered before they leave it.
const SITE = "http://speedscope.test";
const PROFILE_PATH = "/profile/";

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

/** What speedscope shows of a file. */
export interface SpeedscopeView {
  /** The name of the profile that is shown, as the tool bar has it. */
  readonly title: string;
  /** Every function, by name, with what it and all that it calls have, and what it has itself, as shown. */
  readonly functions: Readonly<Record<string, readonly [total: string, self: string]>>;
  /** The names of all profiles in the file and their totals; empty where there is but one. */
  readonly profiles: readonly (readonly [name: string, total: string])[];
}

/** Has a speedscope of this page's own open a file, and reads its table of functions. Throws what the page throws. */
export async function openInSpeedscope(
  page: Page,
  file: string,
  contents: string | Uint8Array,
): Promise<SpeedscopeView> {
  const failed = new Promise<never>((_resolve, reject) => page.on("pageerror", reject));
  await page.route(`${SITE}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === PROFILE_PATH + file) return route.fulfill({ body: Buffer.from(contents) });
    const name = pathname === "/" ? "index.html" : pathname.slice(1);
    const body = await readFile(join(viewerFolder, name));
    return route.fulfill({ body, contentType: contentTypes[extname(name)] ?? "application/octet-stream" });
  });
  const opened = async (): Promise<SpeedscopeView> => {
    await page.goto(`${SITE}/#profileURL=${PROFILE_PATH}${file}&view=sandwich`);
    await page.locator("th", { hasText: "Symbol Name" }).waitFor();
    return viewOf(page);
  };
  return Promise.race([opened(), failed]);
}

async function viewOf(page: Page): Promise<SpeedscopeView> {
  const [, title = ""] = (await page.locator("body").innerText()).split("\n");
  const tables = await page.locator("table").all();
  const rows = await Promise.all(tables.map((table) => table.locator("tr").all()));
  const cells = await Promise.all(rows.flat().map((row) => row.locator("td").allInnerTexts()));
  const isNumbered = ([first]: readonly string[]): boolean => /^\d+$/.test(first ?? "");
  const ofFunctions = cells.filter((row) => row.length > 0 && !isNumbered(row));
  return {
    title,
    functions: Object.fromEntries(ofFunctions.map(([total, self, name]) => [name, [total, self] as const])),
    profiles: cells.filter(isNumbered).map(([, name, total]) => [name, total] as const),
  };
}
