import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { defineConfig } from "vitepress";

const { repository } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
const repositoryUrl = repository.url.replace(/^git\+/, "").replace(/\.git$/, "");

const page = (text, link) => ({ text, link });
const pages = (text, items) => ({ text, items: items.map(([title, link]) => page(title, link)) });

const subPaths = [
  "debug",
  "wasm",
  "layout",
  "trace",
  "profile",
  "proc",
  "nodes",
  "linux",
  "atomik",
  "mykernel",
  "giet",
];

const firstUse = readFileSync(new URL("first-use.js", import.meta.url), "utf8");

/**
 * A page that its readers need not wait for: its application is fetched when the page is there, and started at its first
 * use.
 */
function startAtFirstUse(html) {
  return html
    .replaceAll('<link rel="modulepreload"', '<link rel="prefetch" as="script" crossorigin')
    .replace(
      /<script type="module" src="([^"]+)"><\/script>/,
      (_, application) => `<script>${firstUse.replace("APPLICATION", application)}</script>`,
    );
}

/** Drawings say their size, so that a page does not move when they come. */
function sizeImages(markdown) {
  const { image } = markdown.renderer.rules;
  markdown.renderer.rules.image = (tokens, index, options, env, self) => {
    const token = tokens[index];
    const file = join(dirname(env.path ?? ""), decodeURI(token.attrGet("src") ?? ""));
    if (file.endsWith(".svg") && existsSync(file)) {
      const [, width, height] = /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(readFileSync(file, "utf8")) ?? [];
      if (width !== undefined) token.attrSet("width", width);
      if (height !== undefined) token.attrSet("height", height);
    }
    return image(tokens, index, options, env, self);
  };
}

/** Tables say how many rows they have: style.css gives those that are not seen yet their height by it. */
function countRows(markdown) {
  markdown.core.ruler.push("table-rows", ({ tokens }) => {
    let table;
    let rowCount = 0;
    for (const token of tokens) {
      if (token.type === "table_open") [table, rowCount] = [token, 0];
      if (token.type === "tr_open") rowCount += 1;
      if (token.type === "table_close") table?.attrSet("style", `--rows: ${rowCount}`);
    }
  });
  // A table that is wider than the page scrolls, with keys too.
  markdown.renderer.rules.table_open = (tokens, index, _options, _env, self) =>
    `<table tabindex="0"${self.renderAttrs(tokens[index])}>\n`;
}

/** A paragraph that is a picture scrolls where the picture is wider than the page, with keys too. */
function markPictures(markdown) {
  markdown.core.ruler.push("pictures", ({ tokens }) => {
    for (const [index, token] of tokens.entries()) {
      const { children } = tokens[index + 1] ?? {};
      if (token.type !== "paragraph_open" || children?.length !== 1 || children[0].type !== "image") continue;
      token.attrSet("class", "picture");
      token.attrSet("tabindex", "0");
    }
  });
}

function extendMarkdown(markdown) {
  sizeImages(markdown);
  markPictures(markdown);
  countRows(markdown);
}

export default defineConfig({
  title: "kmem",
  description:
    "malloc and free for JavaScript threads: one heap in one SharedArrayBuffer, whole when a worker is killed",
  lang: "en",
  srcDir: ".pages",
  outDir: "dist",
  cacheDir: "node_modules/.cache/vitepress",
  cleanUrls: false,
  // A drawing in a file of its own is loaded when it is seen, and once.
  vite: { build: { assetsInlineLimit: 0 } },
  markdown: {
    html: false,
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config: extendMarkdown,
  },
  // The home page of the theme has no landmark for what is its own.
  transformHtml: (html) => startAtFirstUse(html).replace('<div class="VPHome"', '<div class="VPHome" role="main"'),
  head: [["link", { rel: "icon", href: "data:," }]],
  themeConfig: {
    search: { provider: "local" },
    outline: { level: [2, 3] },
    nav: [
      page("First steps", "/start"),
      page("Guide", "/guide/buffer"),
      page("API", "/reference/"),
      page("FAQ", "/faq"),
    ],
    socialLinks: [{ icon: "github", link: repositoryUrl }],
    footer: { message: "MIT licence" },
    sidebar: [
      pages("To begin", [
        ["Start in three sizes", "/start"],
        ["The library", "/library"],
        ["Recipes", "/recipes"],
        ["Questions", "/faq"],
      ]),
      pages("Layer by layer", [
        ["The buffer", "/guide/buffer"],
        ["Pages", "/guide/pages"],
        ["Blocks: slabs and sheaves", "/guide/blocks"],
        ["Slots and locks", "/guide/slots"],
        ["Architecture, in full", "/architecture"],
      ]),
      pages("In use", [
        ["Threads and death", "/threads"],
        ["WebAssembly", "/webassembly"],
        ["The four kernels", "/kernels"],
        ["The documents, sentence by sentence", "/sentences"],
        ["The command", "/command"],
        ["The inspector", "/inspector"],
        ["Traces and profiles", "/traces"],
        ["Forms of traces", "/trace-forms"],
        ["The format of traces", "/trace-format"],
        ["A policy of your own", "/policy"],
        ["Comparing allocators", "/compare"],
        ["Traces as Parquet", "/parquet"],
      ]),
      pages("Finding faults", [
        ["Memory bugs", "/memory-bugs"],
        ["Errors by code", "/errors"],
        ["Check, repair, dumps", "/dumps"],
        ["The format of dumps", "/dump-format"],
      ]),
      pages("To judge", [
        ["Performance", "/performance"],
        ["Measurements", "/measurements"],
        ["Reliability", "/reliability"],
        ["The long campaigns", "/figures/campaigns/README"],
        ["Comparison", "/comparison"],
      ]),
      pages("API reference", [
        ["kmem", "/reference/kmem"],
        ...subPaths.map((name) => [`kmem/${name}`, `/reference/kmem/${name}`]),
      ]),
    ],
  },
});
