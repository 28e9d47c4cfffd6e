import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Declaration, Declarations } from "./declarations.ts";
import { missingDocstrings } from "./docstrings.ts";

const LIBRARY = fileURLToPath(new URL("../../", import.meta.url));
const REPORTS = fileURLToPath(new URL("../../../../docs/api/", import.meta.url));

const manifest = JSON.parse(readFileSync(`${LIBRARY}package.json`, "utf8")) as {
  exports: Record<string, string | { types: string }>;
};
const declarations = new Declarations();
const subPaths = Object.entries(manifest.exports).flatMap(([subPath, target]) =>
  typeof target === "string" ? [] : [{ name: `kmem${subPath.slice(1)}`, file: `${LIBRARY}${target.types.slice(2)}` }],
);

/** Members on lines of their own, so that a change shows as one. */
function laidOut(text: string): string {
  return text
    .replace(/; (?=[^}])/g, ";\n  ")
    .replace(/\{ (?=[^}]*;)/, "{\n  ")
    .replace(/; \}(;?)$/, ";\n}$1");
}

function reportOf(name: string, exported: ReadonlyMap<string, Declaration>): string {
  const texts = [...exported].sort(([one], [other]) => (one < other ? -1 : 1));
  const blocks = texts.map(([as, { name: own, text }]) => {
    const renamed = as === own ? "" : `// as ${as}\n`;
    return `${renamed}${text.split("\n").map(laidOut).join("\n")}`;
  });
  const head = "What it exports, as the build declares it, written by `npx vitest run packages/kmem/test/api -u`.";
  return `# ${name}\n\n${head}\n\n\`\`\`ts\n${blocks.join("\n\n")}\n\`\`\`\n`;
}

describe("the checker of docstrings", () => {
  it("finds what has none, also among members, and lets overloads share one", () => {
    const folder = mkdtempSync(join(tmpdir(), "kmem-docstrings-"));
    const file = join(folder, "a.d.ts");
    const members = '  #private;\n  one: number;\n  /** Two; "}". */\n  two(): void;\n  two(a: number): void;\n';
    writeFileSync(file, `/** A. */\nexport declare class A {\n${members}}\nexport declare const b: number;\n//# end`);
    const missing = ["A", "b"].flatMap((name) => missingDocstrings({ file, name, text: "" }));
    rmSync(folder, { recursive: true });
    expect(missing).toEqual(["A.one", "b"]);
  });
});

describe("the declarations of the build (`npm run build` first)", () => {
  it("are there", () => {
    for (const { file } of subPaths) expect(existsSync(file), file).toBe(true);
  });

  it.each(subPaths)(
    "are what docs/api says of $name; `npx vitest run packages/kmem/test/api -u` renews it",
    async ({ name, file }) => {
      const report = reportOf(name, declarations.exportsOf(file));
      await expect(report).toMatchFileSnapshot(`${REPORTS}${name.replace("/", "-")}.md`);
    },
  );

  it("have a docstring each, and so have the members of their classes and interfaces", () => {
    const missing = subPaths.flatMap(({ file }) =>
      [...declarations.exportsOf(file).values()].flatMap(missingDocstrings),
    );
    expect([...new Set(missing)].sort()).toEqual([]);
  });

  it("name no type that no sub-path exports", () => {
    const all = subPaths.flatMap(({ name, file }) =>
      [...declarations.exportsOf(file).values()].map((declaration) => ({ name, declaration })),
    );
    const exported = all.map(({ declaration }) => declaration);
    const missing = all.flatMap(({ name, declaration }) =>
      declarations
        .namedBy(declaration)
        .filter((named) => !exported.some((one) => Declarations.areSame(one, named)))
        .map((named) => `${name}: ${declaration.name} names ${named.name} of ${named.file.slice(LIBRARY.length)}`),
    );
    expect([...new Set(missing)].sort()).toEqual([]);
  });
});
