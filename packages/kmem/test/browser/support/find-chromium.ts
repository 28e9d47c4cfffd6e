import { existsSync } from "node:fs";
import { env } from "node:process";

const usualPlaces = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The Chromium to test with: the one that KMEM_CHROMIUM names, or else the first at a usual place, or undefined. */
export function findChromium(): string | undefined {
  const named = env["KMEM_CHROMIUM"];
  const candidates = named === undefined || named === "" ? usualPlaces : [named];
  return candidates.find((file) => existsSync(file));
}
