import { chromium, type Page } from "playwright-core";
import { afterEach, beforeAll, describe, expect } from "vitest";
import { findChromium } from "./find-chromium.ts";
import { ModulePage } from "./page-modules.ts";
import { type Site, StaticServer } from "./static-server.ts";

// A browser that asks nobody anything: no updates, no accounts, no network beyond this machine.
const chromiumFlags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser that has not answered after so long has hung; a busy machine makes it slow. */
const HANG_MS = 600_000;
const PAGES_FOLDER = "test/browser/pages";

/** Opens an empty page of a site, ready to run the functions of one module in `pages`. */
export type OpenPage = <Functions>(site: Site, moduleFile: string) => Promise<ModulePage<Functions>>;

/** Gives the empty page to a test that does more with it than run a module. It is emptied after the test. */
export type OpenBlank = () => Promise<Page>;

/**
 * The server and the page of this process: its test files take turns, each test in a new document. A page of its own
 * for each would take a second each.
 */
let shared: Promise<readonly [StaticServer, Page]> | undefined;

/** Starts both at the first call. They end with the process: a Chromium whose pipe closes ends by itself. */
function serverAndPage(executablePath: string): Promise<readonly [StaticServer, Page]> {
  const open = async (): Promise<Page> => {
    const options = { executablePath, headless: true, args: chromiumFlags, timeout: HANG_MS };
    const page = await (await chromium.launch(options)).newPage();
    page.setDefaultTimeout(HANG_MS);
    return page;
  };
  shared ??= Promise.all([StaticServer.start(), open()]);
  return shared;
}

/**
 * Tests that run in Chromium, over the library as it was built last. Where there is no Chromium they are skipped;
 * `npm test` then says so. A test fails, too, when its page has an error that nobody caught.
 */
export function describeInChromium(name: string, body: (openPage: OpenPage, openBlank: OpenBlank) => void): void {
  const executablePath = findChromium() ?? "";
  describe.skipIf(executablePath === "")(name, () => {
    let server: StaticServer;
    let page: Page;
    let opened: ModulePage<unknown>[] = [];

    beforeAll(async () => {
      [server, page] = await serverAndPage(executablePath);
    });
    afterEach(async () => {
      const errors = opened.flatMap((one) => one.errors);
      opened = [];
      page.removeAllListeners();
      await page.unrouteAll();
      await page.goto("about:blank");
      expect(errors).toEqual([]);
    });

    const openBlank: OpenBlank = () => Promise.resolve(page);
    const openPage: OpenPage = async (site, moduleFile) => {
      const modulePage = new ModulePage<never>(page, server.url(site, `${PAGES_FOLDER}/${moduleFile}`));
      opened.push(modulePage);
      await page.goto(server.url(site, `${PAGES_FOLDER}/empty.html`));
      return modulePage;
    };
    body(openPage, openBlank);
  });
}
