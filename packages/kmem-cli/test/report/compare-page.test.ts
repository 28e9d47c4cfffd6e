import { describe, expect, it } from "vitest";
import { comparePage } from "../../src/report/compare-page.ts";
import { sampleReport } from "./page-support.ts";

/** The figures of a page: where each says that it is from, its value, and its text. */
function figuresOf(html: string): { from: string; value: string; text: string }[] {
  const found = html.matchAll(/<data value="([^"]*)" data-from="([^"]*)">([^<]*)<\/data>/g);
  return Array.from(found, ([, value = "", from = "", text = ""]) => ({ from, value, text }));
}

function embedded(html: string): unknown {
  const [, text = ""] = /<script type="application\/json" id="report">(.*?)<\/script>/s.exec(html) ?? [];
  return JSON.parse(text);
}

describe("the page of a comparison", () => {
  const report = sampleReport();
  const html = comparePage(report);

  it("has the report as JSON at its end", () => {
    expect(embedded(html)).toEqual(report);
  });

  it("has no figure that is not in the JSON, and says of each where it stands there", () => {
    const figures = figuresOf(html);
    expect(figures.length).toBeGreaterThan(50);
    for (const { from, value, text } of figures) {
      let at: unknown = report;
      for (const step of from.slice(1).split("/")) at = (at as Record<string, unknown>)[step];
      expect([from, value]).toEqual([from, String(at)]);
      expect(text).not.toBe("");
    }
    const texts = figures.map(({ from, text }) => `${from} ${text}`);
    expect(texts).toContain("/traces/0/workloads/0/results/0/time/medianNsPerOp 12.3");
    expect(texts).toContain("/traces/0/workloads/0/results/0/fit/fitBytes 400 KiB");
    expect(texts).toContain("/traces/0/workloads/0/results/0/limited/failureCount 7");
    expect(texts).toContain("/traces/0/workloads/0/results/0/fit/unusable/mean/1 26 %");
    expect(texts).toContain("/traces/0/profile/families/0/byBytes/0/wastedBytes 544 B");
    expect(texts).toContain("/means/0/allocators/1/baseTimeRatio 0.25");
  });

  it("takes nothing of a file for markup", () => {
    const visible = html.replace(/<script type="application\/json".*?<\/script>/s, "");
    for (const text of ["<b>", "<lost>", "<CPU>", "<empty>", "<machine>", "<it>"]) expect(visible).not.toContain(text);
    expect(visible).toContain("a &lt;script&gt;");
    expect(visible).toContain("&lt;b&gt;main &amp; co&lt;/b&gt;");
  });

  it("asks for nothing outside, and runs no script", () => {
    expect(html).not.toMatch(/(?:src|href)="(?!#|data:)/);
    expect(html).not.toMatch(/url\((?!#)/);
    expect(html.match(/<script\b[^>]*>/g)).toEqual(['<script type="application/json" id="report">']);
    expect(html).toContain("default-src 'none'");
  });

  it("says what is beyond a drawing, who broke, and what could not be read", () => {
    expect(html).toContain("Beyond the top: huge to <data");
    expect(html).toContain("gone broke: time: &lt;it&gt; broke");
    expect(html).toContain("bad: it is &lt;empty&gt;");
  });

  it("gives no two things the same id", () => {
    const ids = Array.from(html.matchAll(/\sid="([^"]+)"/g), ([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, list = ""] of html.matchAll(/aria-labelledby="([^"]+)"/g)) {
      for (const id of list.split(" ")) expect(ids).toContain(id);
    }
  });
});
