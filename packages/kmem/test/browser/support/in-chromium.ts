import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect } from "vitest";
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

/** Opens a page for whoever does more with it than run a module. It is closed after the test. */
export type OpenBlank = () => Promise<Page>;

/**
 * Tests that run in Chromium, with a fresh profile, over the library as it was built last. Where there is no Chromium
 * they are skipped; `npm test` then says so. A test fails, too, when its page has an error that nobody caught.
 */
export function describeInChromium(name: string, body: (openPage: OpenPage, openBlank: OpenBlank) => void): void {
  const executablePath = findChromium() ?? "";
  describe.skipIf(executablePath === "")(name, () => {
    let server: StaticServer;
    let browser: Browser;
    let pages: ModulePage<unknown>[] = [];

    beforeAll(async () => {
      server = await StaticServer.start();
      browser = await chromium.launch({ executablePath, headless: true, args: chromiumFlags, timeout: HANG_MS });
    });
    afterEach(async () => {
      const errors = pages.flatMap((page) => page.errors);
      pages = [];
      await Promise.all(browser.contexts().map((context) => context.close()));
      expect(errors).toEqual([]);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
    });

    const openBlank: OpenBlank = async () => {
      const page = await browser.newPage();
      page.setDefaultTimeout(HANG_MS);
      return page;
    };
    const openPage: OpenPage = async (site, moduleFile) => {
      const page = await openBlank();
      const modulePage = new ModulePage<never>(page, server.url(site, `${PAGES_FOLDER}/${moduleFile}`));
      pages.push(modulePage);
      await page.goto(server.url(site, `${PAGES_FOLDER}/empty.html`));
      return modulePage;
    };
    body(openPage, openBlank);
  });
}
