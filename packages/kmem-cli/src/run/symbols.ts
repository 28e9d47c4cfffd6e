import { spawnSync } from "node:child_process";

const HEX = 16;
/** A line of /proc/PID/maps that has a file: range, rights, offset, device, inode, path. */
const MAP_LINE = /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) \S{4} ([0-9a-f]{1,16}) \S+ \d+ +(\/.*)$/;
/** Sites that are named; all others are addresses. */
const SITES_MAX = 65_536;
const OUTPUT_BYTES_MAX = 2 ** 27;
const TIME_LIMIT_MS = 60_000;

interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  readonly path: string;
}

function parseMaps(text: string): Mapping[] {
  return text.split("\n").flatMap((line) => {
    const match = MAP_LINE.exec(line);
    if (match === null) return [];
    const [, start, end, offset, path] = match;
    const number = (digits: string): number => Number.parseInt(digits, HEX);
    return [{ start: number(start!), end: number(end!), offset: number(offset!), path: path! }];
  });
}

/**
 * The names of call sites: function, file and line where addr2line (of binutils) finds them, otherwise the file of the
 * code and the offset in it. A return address lies after its call, so the byte before it is looked up.
 */
export function nameSites(sites: Iterable<number>, maps: string): Map<number, string> {
  const mappings = parseMaps(maps);
  const names = new Map<number, string>();
  const byPath = new Map<string, { site: number; offset: number }[]>();
  for (const site of sites) {
    const mapping = mappings.find(({ start, end }) => site >= start && site < end);
    if (mapping === undefined) {
      names.set(site, `0x${site.toString(HEX)}`);
      continue;
    }
    const offset = site - 1 - mapping.start + mapping.offset;
    names.set(site, `${mapping.path.slice(mapping.path.lastIndexOf("/") + 1)}+0x${offset.toString(HEX)}`);
    const known = byPath.get(mapping.path) ?? [];
    byPath.set(mapping.path, known);
    if (known.length < SITES_MAX) known.push({ site, offset });
  }
  for (const [path, known] of byPath) addNames(path, known, names);
  return names;
}

/** Names that addr2line finds in one file; without addr2line, or in a file without symbols, none. */
function addNames(path: string, known: readonly { site: number; offset: number }[], names: Map<number, string>): void {
  const { stdout, status } = spawnSync("addr2line", ["-f", "-C", "-e", path], {
    input: known.map(({ offset }) => `0x${offset.toString(HEX)}\n`).join(""),
    encoding: "utf8",
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: TIME_LIMIT_MS,
    stdio: ["pipe", "pipe", "ignore"],
  });
  if (status !== 0 || typeof stdout !== "string") return;
  const lines = stdout.split("\n");
  for (const [index, { site }] of known.entries()) {
    const name = lines[index * 2];
    const place = lines[index * 2 + 1];
    if (name === undefined || name === "" || name === "??") continue;
    const where =
      place === undefined || place.startsWith("??") ? "" : ` (${place.replace(/ \(discriminator \d+\)$/, "")})`;
    names.set(site, `${name}${where.endsWith(":?)") ? "" : where}`);
  }
}
