import { readFileSync } from "node:fs";

/**
 * A report of a real Linux (5.10 or 6.12, on x86-64), or what slabtop of procps-ng 4.0.2 makes of one. In `few/` are
 * some caches out of a real report, and slabtop's output for each of its criteria; in `edges/`, made-up caches.
 */
export function sample(name: string): string {
  return readFileSync(new URL(`samples/${name}.txt`, import.meta.url), "utf8");
}
