import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Heap } from "kmem";
import { expect, it } from "vitest";
import { describeInChromium } from "../../../kmem/test/browser/support/in-chromium.ts";
import { serveHeap } from "../../src/serve/index.ts";
import { bombs, HostileFiles, HostilePage, verdictOfModels } from "../hostile/hostile-page.ts";
import { InspectorPage } from "../support/opened-page.ts";

const FILES = 1;
const LIBRARY = fileURLToPath(new URL("../../../kmem/lib/", import.meta.url));

describeInChromium("the inspector of a heap that lives", (_openPage, openBlank) => {
  it("follows the heap of another process while its page is to be seen", async () => {
    const heap = Heap.create({ sizeBytes: 2 ** 20 });
    await using server = await serveHeap(heap, { name: "shop" });
    const inspector = new InspectorPage(await openBlank());
    const { page } = inspector;
    await page.goto(server.url);
    await page.locator("#tab-layers").click();
    await page.locator("[data-figure=liveBlocks]", { hasText: /^0$/ }).waitFor();
    const blocks = Array.from({ length: 37 }, () => heap.alloc(100));
    await page.locator("[data-figure=liveBlocks]", { hasText: /^37$/ }).waitFor();
    heap.free(blocks[0]!);
    await page.locator("[data-figure=liveBlocks]", { hasText: /^36$/ }).waitFor();
    await page.getByRole("banner").getByRole("button", { name: "Live" }).click();
    await page.getByRole("button", { name: "Paused" }).waitFor();
    expect(inspector.faults).toEqual([]);
  });

  it("follows a heap of the page that the element is in", async () => {
    await using server = await serveHeap(Heap.create({ sizeBytes: 2 ** 20 }));
    const inspector = new InspectorPage(await openBlank());
    const { page } = inspector;
    // A page of its own beside the element's files and the library's, as an application has it.
    const body = `<!doctype html><html lang="en"><title>own</title><body><kmem-inspector></kmem-inspector>`;
    await page.route(`${server.url}own`, (route) => route.fulfill({ contentType: "text/html", body }));
    await page.route(`${server.url}kmem/**`, (route) => {
      const path = route.request().url().slice(`${server.url}kmem/`.length);
      return route.fulfill({ contentType: "text/javascript", body: readFileSync(LIBRARY + path) });
    });
    await page.goto(`${server.url}own`);
    await page.evaluate(`(async () => {
      await import("${server.url}element.js");
      const { dumpHeap, LocalHeap } = await import("${server.url}kmem/index.js");
      globalThis.heap = LocalHeap.create({ sizeBytes: 2 ** 20 });
      document.querySelector("kmem-inspector").live = () => dumpHeap(heap);
    })()`);
    await page.locator("#tab-layers").click();
    await page.locator("[data-figure=liveBlocks]", { hasText: /^0$/ }).waitFor();
    await page.evaluate("heap.alloc(100)");
    await page.locator("[data-figure=liveBlocks]", { hasText: /^1$/ }).waitFor();
    expect(inspector.faults).toEqual([]);
  });

  it("shows damaged dumps and traces without a fault, or says what is wrong with them", async () => {
    await using server = await serveHeap(Heap.create({ sizeBytes: 2 ** 20 }));
    const page = await openBlank();
    await page.route(`${server.url}session.json`, (route) => route.fulfill({ json: {} }));
    await page.goto(server.url);
    await page.locator(".welcome").waitFor();
    const hostile = new HostilePage(page);
    const files = new HostileFiles(5);
    const all = [...bombs(), ...Array.from({ length: FILES }, (_, number) => files.file(number))];
    for (const file of all) {
      const verdict = await hostile.look(file);
      const { faults } = hostile.inspector;
      expect([file.name, verdict, faults]).toEqual([file.name, await verdictOfModels(file), []]);
    }
  });
});
