// A stage of `npm test`: finds the Chromium that the browser tests run in; on Debian, as root, installs it where there
// is none. Fails where it cannot, and then those tests are skipped. Runs on the pinned Node, for it imports TypeScript.
import { env, exit } from "node:process";
import { findChromium } from "../packages/kmem/test/browser/support/find-chromium.ts";
import { canInstall, install } from "./apt.mjs";

const named = env["KMEM_CHROMIUM"] ?? "";

if (findChromium() === undefined && named === "" && canInstall()) {
  console.log("  no Chromium here yet: installing it");
  install("chromium");
}
const found = findChromium();
const missing = named === "" ? "no Chromium on this machine" : `KMEM_CHROMIUM names ${named}, which is not there`;
console.log(`  ${found ?? missing}`);
exit(found === undefined ? 1 : 0);
