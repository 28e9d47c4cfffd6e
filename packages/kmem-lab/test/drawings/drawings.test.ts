import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DRAWINGS } from "../../src/drawings/write-drawings.ts";
import { ROOT } from "../../src/figures/repository.ts";

const FOLDER = join(ROOT, "docs", "drawings");

describe("the drawings of the guide", () => {
  it.each(Object.entries(DRAWINGS))(
    "are what the layouts say now: %s; `npx kmem-lab drawings` draws again",
    (name, draw) => {
      expect(readFileSync(join(FOLDER, `${name}.svg`), "utf8")).toBe(draw());
    },
  );

  it("are all there, and no other", () => {
    expect(readdirSync(FOLDER).toSorted()).toEqual(
      Object.keys(DRAWINGS)
        .map((name) => `${name}.svg`)
        .toSorted(),
    );
  });

  it.each(Object.entries(DRAWINGS))("have a title and a description, and colours for dark pages: %s", (_, draw) => {
    const svg = draw();
    expect(svg).toMatch(/<title id="title">[^<]+<\/title>\n<desc id="description">[^<]{60,}<\/desc>/);
    expect(svg).toContain("prefers-color-scheme: dark");
  });
});
