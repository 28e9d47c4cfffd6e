import { fileURLToPath } from "node:url";
import type { StatReport } from "kmem-cli/internal/insight/stat-report";
import { expect, it } from "vitest";
import { describeInChromium } from "../../../kmem/test/browser/support/in-chromium.ts";
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
});
