import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Heap } from "kmem";
import type { StatReport } from "kmem-cli/internal/insight/stat-report";
import { expect, it } from "vitest";
import { describeInChromium } from "../../../kmem/test/browser/support/in-chromium.ts";
import { perfData } from "../../../kmem-cli/test/forms/perf-data-writer.ts";
import { traceDat } from "../../../kmem-cli/test/forms/trace-dat-writer.ts";
import { writtenEvents } from "../../../kmem-cli/test/forms/written-events.ts";
import { serveHeap } from "../../src/serve/index.ts";
import { commandJson, InspectCommand, InspectorPage, numberIn } from "../support/opened-page.ts";

const TRACE = fileURLToPath(new URL("../../../kmem-cli/traces/sqlite_file.trace.zst", import.meta.url));

describeInChromium("the inspector of a trace", (_openPage, openBlank) => {
  it("has the figures of kmem stat, a scrubber, and two allocators side by side", async () => {
    const report = await commandJson<StatReport>("stat", "--json", TRACE);
    const command = await InspectCommand.start(TRACE);
    const inspector = new InspectorPage(await openBlank());
    const { page } = inspector;
    await page.goto(command.url);
    const sides = page.locator("kmem-inspector-time [data-side=footprint]");
    await sides.nth(1).waitFor();
    await page.getByRole("button", { name: "Peak" }).click();
    await page.locator("#live", { hasText: report.peak.bytes.toLocaleString("en") }).waitFor();
    const peakEvent = await inspector.figure("#event");
    await page.getByRole("button", { name: "One on" }).click();
    await page.locator("#event", { hasText: (peakEvent + 1).toLocaleString("en") }).waitFor();
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("button", { name: "Play" }).click();
    await page.locator("#event", { hasText: /,/ }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator("#scrubber").fill("100");
    await page.locator("#event", { hasText: /^100$/ }).waitFor();
    await page.locator("[data-event='100']").nth(1).waitFor();
    expect(await page.getByRole("button", { name: "First failure" }).isDisabled()).toBe(true);
    expect(await inspector.axeFaults()).toEqual([]);
    await page.getByRole("button", { name: "End" }).click();
    await page.locator("#blocks", { hasText: report.objects.total.liveCount.toLocaleString("en") }).waitFor();
    await inspector.show("callers");
    const rows = [...(await inspector.table("objects-sites")).values()];
    const shown = rows.map(({ name, hit, requested, peak }) => [
      name,
      ...[hit, requested, peak].map((text) => numberIn(text!)),
    ]);
    const figures = report.objects.sites.map(({ name, hitCount, requestedBytes, peakLiveBytes }) => [
      name,
      hitCount,
      requestedBytes,
      peakLiveBytes,
    ]);
    expect(shown).toEqual(figures);
    expect(await inspector.axeFaults()).toEqual([]);
    await inspector.show("time");
    await sides.nth(1).waitFor();
    await page.getByRole("button", { name: "Open this moment" }).click();
    await page.locator("kmem-inspector-map .legend li").first().waitFor();
    expect(inspector.faults).toEqual([]);
    expect(await command.stop()).toBe(0);
  });

  it("reads perf.data and trace.dat that are dropped onto it", async () => {
    const events = writtenEvents(1, 300, 2);
    const files = {
      "perf.data": perfData(events),
      "perf.zst.data": perfData(events, { packedKind: 83 }),
      "trace.dat": traceDat(events),
    };
    await using server = await serveHeap(Heap.create({ sizeBytes: 2 ** 20 }));
    const inspector = new InspectorPage(await openBlank());
    const { page } = inspector;
    await page.route(`${server.url}session.json`, (route) => route.fulfill({ json: {} }));
    await page.goto(server.url);
    await page.locator(".welcome").waitFor();
    const folder = mkdtempSync(join(tmpdir(), "kmem-inspect-"));
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(folder, name);
      writeFileSync(path, bytes);
      const report = await commandJson<StatReport>("stat", "--json", path);
      const dropped = await page.evaluateHandle(`(() => {
        const transfer = new DataTransfer();
        const letters = atob("${Buffer.from(bytes).toString("base64")}");
        const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], "${name}"));
        return transfer;
      })()`);
      await page.locator("kmem-inspector").dispatchEvent("drop", { dataTransfer: dropped });
      await page.locator("header .name", { hasText: name }).waitFor();
      await inspector.show("callers");
      const rows = [...(await inspector.table("objects-sites")).values()];
      expect([name, rows.map(({ hit }) => numberIn(hit!))]).toEqual([
        name,
        report.objects.sites.map(({ hitCount }) => hitCount),
      ]);
      await inspector.show("time");
      await page.getByRole("button", { name: "Peak" }).click();
      const peak = report.peak.bytes.toLocaleString("en");
      await page.locator(".figures dd", { hasText: peak }).first().waitFor();
    }
    rmSync(folder, { recursive: true });
    expect(inspector.faults).toEqual([]);
  });
});
