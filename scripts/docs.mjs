// `npm run docs`: builds the documentation site into tools/site/dist, a folder of static files. The pages are those of
// `docs`, with links that lead out of them turned into links to the repository; the API reference is made from the
// sources. `npm run docs -- --serve` shows the site afterwards; `npm run docs -- --check` looks for broken links and for
// what axe finds, and with `--pictures FOLDER` takes pictures.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { argv, exit } from "node:process";
import { setUp } from "./setup.mjs";
import { pinnedNode, root, run, stage } from "./stages.mjs";
import { installTools } from "./tool-folder.mjs";

const docs = join(root, "docs");
const site = join(root, "tools", "site");
const pages = join(site, ".pages");
/** Golden declarations: the reference, made from the same sources, takes their place. */
const declarations = /^api\//;
/** Headings of the reference down to this level divide a page; those below it are names of parameters and the like. */
const LEAST_SECTION = 4;

/** @typedef {{ repository: { url: string } }} Manifest */
/** @type {Manifest} */
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const repository = manifest.repository.url.replace(/^git\+/, "").replace(/\.git$/, "");

/**
 * Where a link of a page leads on the site.
 * @param {string} page seen from `docs`
 * @param {string} target
 */
function linkOnSite(page, target) {
  if (/^(?:https?:|mailto:|#)/.test(target)) return target;
  const [path = "", anchor] = target.split("#");
  const file = normalize(join(docs, dirname(page), path));
  const inDocs = relative(docs, file);
  const hash = anchor === undefined ? "" : `#${anchor}`;
  if (declarations.test(inDocs))
    return `/reference/${inDocs
      .replace(/^api\//, "")
      .replace("-", "/")
      .replace(/\.md$/, "")}`;
  if (!inDocs.startsWith("..") && /\.(?:md|svg|png)$/.test(file)) return target;
  const fromRoot = relative(root, file);
  const sort = existsSync(file) && statSync(file).isDirectory() ? "tree" : "blob";
  return `${repository}/${sort}/main/${fromRoot}${hash}`;
}

/**
 * A page as the site takes it: without comments, and with links that lead somewhere there.
 * @param {string} page
 * @param {string} text
 */
function pageOnSite(page, text) {
  return text
    .replaceAll(/^<!--[\s\S]*?-->\n/gm, "")
    .replaceAll(/\]\(([^)\s]+)\)/g, (_, target) => `](${linkOnSite(page, target)})`);
}

function stagePages() {
  rmSync(pages, { recursive: true, force: true });
  for (const path of readdirSync(docs, { recursive: true, encoding: "utf8" })) {
    if (declarations.test(path) || !/\.(?:md|svg|png)$/.test(path)) continue;
    const target = join(pages, path);
    mkdirSync(dirname(target), { recursive: true });
    if (path.endsWith(".md")) writeFileSync(target, pageOnSite(path, readFileSync(join(docs, path), "utf8")));
    else copyFileSync(join(docs, path), target);
  }
  copyFileSync(join(site, "home.md"), join(pages, "index.md"));
  return 0;
}

/**
 * A page of the reference, whose headings have the anchors that its links name, and not those that the site would give
 * them. A small heading that no link can name becomes a bold line.
 * @param {string} text
 */
function withAnchors(text) {
  let sections = 0;
  return text.replaceAll(
    /^(?:<a id="([^"]+)"><\/a>\n\n)?(##+) (.*)$/gm,
    (_, /** @type {string | undefined} */ anchor, /** @type {string} */ marks, /** @type {string} */ title) => {
      if (anchor === undefined && marks.length > LEAST_SECTION) return `**${title}**`;
      sections += 1;
      return `${marks} ${title} {#${anchor ?? `section-${sections}`}}`;
    },
  );
}

function anchorReference() {
  const folder = join(pages, "reference");
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = join(folder, path);
    if (path.endsWith(".md")) writeFileSync(file, withAnchors(readFileSync(file, "utf8")));
  }
  return 0;
}

/** @param {string} script @param {readonly string[]} args */
function tool(script, ...args) {
  return run(pinnedNode, [join(site, "node_modules", script), ...args]);
}

/** Puts the inspector's page beside the others, as it is: files are dropped onto it. */
function copyInspector() {
  cpSync(join(root, "packages", "kmem-inspector", "lib"), join(site, "dist", "inspector-page"), { recursive: true });
  return 0;
}

/** Builds the site; gives whether it has succeeded. */
function build() {
  installTools("site");
  return (
    stage("pages", stagePages) &&
    stage("API reference", () => tool("typedoc/bin/typedoc", "--options", join(site, "typedoc.json"))) &&
    stage("anchors of the reference", anchorReference) &&
    stage("site, with its links followed", () => tool("vitepress/bin/vitepress.js", "build", site)) &&
    stage("inspector", copyInspector)
  );
}

if (!setUp() || !build()) exit(1);
console.log(`The site is in ${relative(root, join(site, "dist"))}: serve that folder, or npm run docs -- --serve`);
if (argv.includes("--check")) exit(run(pinnedNode, ["scripts/check-site.mjs", ...argv.slice(2)]));
if (argv.includes("--serve")) exit(tool("vitepress/bin/vitepress.js", "preview", site));
