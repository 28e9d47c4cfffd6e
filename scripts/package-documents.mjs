// What the published packages say about themselves, in one place each: LICENSE and README.md of the root go into their
// folders with every build, and `node scripts/package-documents.mjs` writes the address of the repository, which stands
// in the root's package.json, into theirs. Runs on Node 20 with nothing installed.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { root } from "./stages.mjs";

/** The packages that are published, by their folders. */
export const publishedPackages = ["kmem", "kmem-inspector", "kmem-cli"];

/** @typedef {{ url: string, directory?: string, type?: string }} Repository */
/** @typedef {Record<string, unknown> & { repository: Repository, author: string }} Manifest */

/** @param {string} path @returns {Manifest} */
function manifestAt(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

/** Where the repository can be looked at. */
export function repositoryPage() {
  return manifestAt("package.json")
    .repository.url.replace(/^git\+/, "")
    .replace(/\.git$/, "");
}

/** What package.json of a published package has to say of who made it and where. @param {string} name */
export function metadataOf(name) {
  const { author, repository } = manifestAt("package.json");
  const page = repositoryPage();
  return {
    author,
    homepage: `${page}#readme`,
    repository: { type: "git", url: repository.url, directory: `packages/${name}` },
    bugs: { url: `${page}/issues` },
  };
}

/** A text of the root as it reads elsewhere: with whole addresses in its links. @param {string} markdown */
export function withWholeLinks(markdown) {
  const page = repositoryPage();
  return markdown
    .replace(/(!?)(\[[^\]]*\])\((?!\w+:|#|\/)(?:\.\/)?([^)\s]+)\)/g, (_all, image, text, path) => {
      return `${image}${text}(${page}/${image === "!" ? "raw" : "blob"}/main/${path})`;
    })
    .replace(/(<(?:img|source)[^>]*\ssrc(?:set)?=")(?!\w+:)(?:\.\/)?/g, `$1${page}/raw/main/`);
}

/** Puts the licence into all packages, and the README into the library's. */
export function writeDocuments() {
  for (const name of publishedPackages) {
    writeFileSync(join(root, "packages", name, "LICENSE"), readFileSync(join(root, "LICENSE")));
  }
  const readme = readFileSync(join(root, "README.md"), "utf8");
  writeFileSync(join(root, "packages", "kmem", "README.md"), withWholeLinks(readme));
}

/** Writes the metadata into the packages' manifests, after their licence. */
function writeMetadata() {
  for (const name of publishedPackages) {
    const file = join("packages", name, "package.json");
    const metadata = metadataOf(name);
    const entries = Object.entries(manifestAt(file)).filter(([key]) => !(key in metadata));
    const at = entries.findIndex(([key]) => key === "license") + 1;
    entries.splice(at, 0, ...Object.entries(metadata));
    writeFileSync(join(root, file), `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`);
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) writeMetadata();
