// `npm run release`: publishes all packages, after everything that must be true of them. `npm run release -- --dry-run`
// does all of it but the publishing itself. On a build server npm signs where the packages come from (`provenance` in
// their publishConfig); it can do so nowhere else.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { build } from "./build.mjs";
import { publishedPackages, repositoryPage } from "./package-documents.mjs";
import { pinnedNode, root, run, stage } from "./stages.mjs";
import { packInto } from "./tarballs.mjs";

const isDry = argv.includes("--dry-run");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

/** @param {string} name */
function manifestOf(name) {
  return JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
}

/** What keeps a release from being one. @returns {string[]} */
function obstacles() {
  const found = [];
  const { stdout } = spawnSync("git", ["status", "--porcelain"], { cwd: root, encoding: "utf8" });
  if (stdout !== "") found.push("there are changes that are not committed");
  if (repositoryPage().includes("/OWNER/")) found.push("package.json has a placeholder for the repository's address");
  const notes = readdirSync(join(root, ".changeset")).filter((name) => name.endsWith(".md"));
  if (notes.length > 0) found.push("changes have no version yet: npm run changeset -- version");
  const versions = publishedPackages.map((name) => manifestOf(name).version);
  if (new Set(versions).size > 1) found.push(`the packages have different versions: ${versions.join(", ")}`);
  for (const name of publishedPackages) {
    const changelog = readFileSync(join(root, "packages", name, "CHANGELOG.md"), "utf8");
    const { version } = manifestOf(name);
    if (!changelog.includes(`\n## ${version}\n`)) found.push(`CHANGELOG.md of ${name} has nothing about ${version}`);
  }
  return found;
}

/** Says what stands in the way; that stops no dry run. */
function check() {
  const found = obstacles();
  for (const obstacle of found) console.log(`  ${obstacle}`);
  return found.length === 0 || isDry ? 0 : 1;
}

/** Publishes the tarballs, the library first and the command last: each depends on those before it. */
function publish() {
  const folder = mkdtempSync(join(tmpdir(), "kmem-release-"));
  try {
    const args = isDry ? ["--dry-run", "--provenance=false"] : [];
    for (const { file } of packInto(folder)) {
      const exitCode = run(npm, ["publish", file, "--loglevel=warn", ...args]);
      if (exitCode !== 0) return exitCode;
    }
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const passed =
  stage("what a release needs", check) &&
  stage("build from nothing", () => build({ isFresh: true })) &&
  stage("the tarballs as a stranger finds them", () => run(pinnedNode, ["scripts/test-package.mjs"])) &&
  (isDry || stage("npm test", () => run(pinnedNode, ["scripts/test.mjs"]))) &&
  stage(isDry ? "npm publish --dry-run" : "npm publish", publish);
exit(passed ? 0 : 1);
