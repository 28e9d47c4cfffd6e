import { writeFileSync } from "node:fs";
import { join } from "node:path";

const BLOCK_COUNT = 40;

/** A trace of blocks of one size that are all live at a time. */
export function blocksTrace(folder: string, name: string, sizeBytes: number): string {
  const path = join(folder, `${name}.csv`);
  const slots = Array.from({ length: BLOCK_COUNT }, (_, slot) => slot);
  const lines = [...slots.map((slot) => `malloc,${slot},${sizeBytes}`), ...slots.map((slot) => `free,${slot},`)];
  writeFileSync(path, `op,block,size\n${lines.join("\n")}\n`);
  return path;
}
