import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { DumpInfo } from "kmem";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { describeInChromium } from "../../../kmem/test/browser/support/in-chromium.ts";
import { fragmentedHeap, type PlantedHeap, plantedHeap } from "../support/heaps.ts";
import { commandJson, InspectCommand, InspectorPage, numberIn } from "../support/opened-page.ts";
import { SQLITE_MODULE, sqliteDump } from "../support/program-dump.ts";

interface Leaks {
  readonly sites: readonly { readonly stack: string; readonly blocks: number; readonly bytes: number }[];
}

describeInChromium("the inspector of a dump", (_openPage, openBlank) => {
  let folder: string;
  let planted: PlantedHeap;
  let command: InspectCommand;
  let inspector: InspectorPage;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "kmem-inspect-"));
    planted = plantedHeap();
    const { before, after } = fragmentedHeap();
    for (const [name, dump] of Object.entries({ planted: planted.dump, before, after, sqlite: await sqliteDump() })) {
      writeFileSync(join(folder, `${name}.dump`), dump);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    const code = await command.stop();
    expect([inspector.faults, code]).toEqual([[], 0]);
  });

  async function open(...files: string[]): Promise<InspectorPage> {
    command = await InspectCommand.start(...files.map((name) => resolve(folder, name)));
    inspector = new InspectorPage(await openBlank());
    await inspector.page.goto(command.url);
    await inspector.page.locator("[role=tabpanel]").waitFor();
    return inspector;
  }

  /** Compares every figure of the layers with what the command prints. */
  async function expectLayers(name: string): Promise<void> {
    const { stats, slots } = await commandJson<DumpInfo>("info", "--json", join(folder, name));
    await inspector.show("layers");
    await inspector.page.locator("#caches").waitFor();
    for (const [id, bytes] of Object.entries(stats.bytes)) {
      expect([id, await inspector.figure(`[data-figure="bytes.${id}"]`)]).toEqual([id, bytes]);
    }
    for (const id of ["liveBlocks", "footprintBytes", "foreignBytes"] as const) {
      expect([id, await inspector.figure(`[data-figure="${id}"]`)]).toEqual([id, stats[id]]);
    }
    for (const zone of stats.zones.filter(({ pages }) => pages > 0)) {
      const row = `[data-zone="${zone.name}"]`;
      const figures = { pages: zone.pages, freePages: zone.freePages, ...zone.watermarkPages };
      for (const [id, value] of Object.entries(figures)) {
        expect([id, await inspector.figure(`${row} [data-figure="${id}"]`)]).toEqual([id, value]);
      }
      for (const [order, count] of zone.freeBlocksByOrder.entries()) {
        expect([order, await inspector.figure(`${row} [data-order="${order}"]`)]).toEqual([order, count]);
      }
    }
    const caches = await inspector.table("caches");
    expect([...caches.keys()]).toEqual(stats.caches.map(({ name: cache }) => cache));
    for (const cache of stats.caches) {
      const { live, slabs, slabBlocks, sheaf, barn, free, blockBytes, objectBytes } = caches.get(cache.name)!;
      const shown = [live, slabs, slabBlocks, sheaf, barn, free, blockBytes, objectBytes].map((text) =>
        numberIn(text!),
      );
      const { liveBlocks, sheafBlocks, barnBlocks, freeBlocks } = cache;
      const figures = [liveBlocks, cache.slabs, cache.slabBlocks, sheafBlocks, barnBlocks, freeBlocks];
      expect([cache.name, ...shown]).toEqual([cache.name, ...figures, cache.blockBytes, cache.objectBytes]);
    }
    const slotRows = await inspector.table("slots");
    for (const { slot, state, liveBlocks, liveBytes, pageBytes } of slots) {
      const { blocks, bytes, pages, state: shownState } = slotRows.get(String(slot))!;
      const shown = [blocks, bytes, pages].map((text) => numberIn(text!));
      expect([slot, shownState, ...shown]).toEqual([slot, state, liveBlocks, liveBytes, pageBytes]);
    }
  }

  it("has every figure as the command prints it, and is clean for axe in both themes", async () => {
    await open("after.dump");
    await expectLayers("after.dump");
    for (const view of ["map", "layers", "sites", "findings", "compare"]) {
      await inspector.show(view);
      expect([view, await inspector.axeFaults()]).toEqual([view, []]);
    }
    await inspector.page.getByRole("button", { name: "Dark" }).click();
    for (const view of ["map", "layers"]) {
      await inspector.show(view);
      expect([view, "dark", await inspector.axeFaults()]).toEqual([view, "dark", []]);
    }
    await inspector.show("findings");
    expect(await inspector.page.locator("#summary").innerText()).toBe("Every invariant of every layer is true.");
  });

  it("leads to a corruption and to a leak through the page alone", async () => {
    await open("planted.dump");
    await inspector.page.getByRole("tab", { name: "Findings (1)" }).waitFor();
    await inspector.show("findings");
    await inspector.page.locator("kmem-inspector-findings li button").first().click();
    const detail = inspector.page.locator("kmem-inspector-detail");
    const first = `0x${(planted.corrupted + 200).toString(16).padStart(8, "0")}`;
    await detail.locator("dd.bad", { hasText: first }).waitFor();
    expect(await detail.locator("td.wrong").allInnerTexts()).toEqual(["41", "41", "41", "41"]);
    await inspector.show("sites");
    const leaks = await commandJson<Leaks>("leaks", "--json", join(folder, "planted.dump"));
    await inspector.page.locator("#sites").waitFor();
    const rows = await inspector.table("sites");
    for (const { stack, blocks, bytes } of leaks.sites) {
      const { blocks: shownBlocks = "", bytes: shownBytes = "" } = rows.get(stack) ?? {};
      expect([numberIn(shownBlocks), numberIn(shownBytes)]).toEqual([blocks, bytes]);
    }
    await inspector.page.locator("#sites-treemap g", { hasText: planted.leaker }).click();
    expect(await inspector.page.locator("#stack").innerText()).toContain(planted.leaker);
    const leaked = planted.leaked.map((address) => `0x${address.toString(16).padStart(8, "0")}`);
    expect((await inspector.page.locator(".addresses button").allInnerTexts()).toSorted()).toEqual(leaked.toSorted());
  });

  it("answers what lives at an address and what is in the way, and gives links, pictures and tables", async () => {
    await open("after.dump");
    const { page } = inspector;
    await page.locator("#address").fill("0x0");
    await page.getByRole("button", { name: "Find" }).click();
    await page.locator("#answer", { hasText: "header and tables" }).waitFor();
    await page.locator("#address").fill("nonsense");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("An address is a number").waitFor();
    await page.locator("#order").selectOption("4");
    await page.getByRole("button", { name: "Show" }).click();
    await page.locator("#order-answer", { hasText: "The least is in the way" }).waitFor();
    for (const mode of ["Occupancy", "Order", "Cache", "Slot", "State"]) {
      await page.getByRole("button", { name: mode, exact: true }).click();
      await page.locator(".legend li").first().waitFor();
    }
    const map = page.locator("kmem-inspector-map canvas");
    await map.focus();
    for (const key of ["End", "ArrowUp", "ArrowLeft", "+", "-", "0"]) await page.keyboard.press(key);
    await page.locator("#holder", { hasText: /./ }).waitFor();
    const [picture] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "PNG" }).click(),
    ]);
    expect(picture.suggestedFilename()).toBe("after.dump-map.png");
    await inspector.show("layers");
    const csv = page.getByRole("button", { name: "Save Caches as CSV" });
    const [table] = await Promise.all([page.waitForEvent("download"), csv.click()]);
    expect(table.suggestedFilename()).toBe("Caches.csv");
    await inspector.show("map");
    await page.waitForURL(/view=map/);
    const link = page.url();
    const answer = await page.locator("#holder").innerText();
    await page.goto("about:blank");
    await page.goto(link);
    await page.locator("#holder", { hasText: answer }).waitFor();
    await page.waitForURL(link);
  });

  it("shows a program from npm: its stack, its data, and every figure of the heap that it runs on", async () => {
    await open("sqlite.dump", SQLITE_MODULE);
    const { page } = inspector;
    for (const part of ["The program's stack", "The program's data"]) {
      await page.locator(".legend li", { hasText: part }).waitFor();
    }
    await page.locator("#address").fill("0x0");
    await page.getByRole("button", { name: "Find" }).click();
    await page.locator("#answer", { hasText: "the program" }).waitFor();
    await expectLayers("sqlite.dump");
  });

  it("compares two dumps", async () => {
    await open("before.dump", "after.dump");
    await inspector.page.locator("#comparison").waitFor();
    const session = (await inspector.table("changes")).get("session");
    expect([session?.["before"], session?.["after"], session?.["came"]]).toEqual(["0", "40", "40"]);
    const went = await inspector.figure("#before [data-label='Went'] .soft");
    const came = await inspector.figure("#after [data-label='Came'] .soft");
    expect([went > 0, came > 0]).toEqual([true, true]);
    await inspector.page.locator("#after canvas").focus();
    await inspector.page.keyboard.press("+");
    const scales = await inspector.page
      .locator("kmem-inspector-plain-map")
      .evaluateAll((maps) =>
        maps.map((one) => (one as unknown as { map: { view: { scale: number } } }).map.view.scale),
      );
    expect(scales[0]).toBe(scales[1]);
    expect(await inspector.axeFaults()).toEqual([]);
  });
});
