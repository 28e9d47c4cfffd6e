import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sheafDrawing, slabDrawing } from "./block-drawings.ts";
import { bufferDrawing, framesDrawing } from "./memory-drawings.ts";
import { lockDrawing, overviewDrawing, slotsDrawing } from "./thread-drawings.ts";

/** Every drawing of the guide by the name of its file, made of the layouts as they are now. */
export const DRAWINGS: Readonly<Record<string, () => string>> = {
  overview: overviewDrawing,
  buffer: bufferDrawing,
  frames: framesDrawing,
  slab: slabDrawing,
  sheaf: sheafDrawing,
  slots: slotsDrawing,
  lock: lockDrawing,
};

/** Writes all drawings into a folder, and answers the paths. */
export function writeDrawings(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(DRAWINGS).map(([name, draw]) => {
    const path = join(folder, `${name}.svg`);
    writeFileSync(path, draw());
    return path;
  });
}
