import type { Load } from "./load.ts";
import { LoadWriter } from "./load-writer.ts";
import { Random } from "./random.ts";

/** Objects such as a kernel builds once and uses again: a dentry, a socket, an inode, a task. */
const OBJECT_BYTES: readonly number[] = [192, 320, 640, 1024];
const LIVE_OBJECTS = 10_000;
const REPLACEMENTS = 300_000;

/** Random churn of 10,000 objects of four caches whose constructor clears the object and makes an empty list of it. */
export const CONSTRUCTED: Load = {
  name: "constructed",
  summary: "10,000 objects of four caches with constructors, replaced at random; native: malloc and the same writes",
  kind: "constructed",
  make: (folder) => {
    const random = new Random();
    const load = new LoadWriter("constructed", folder, LIVE_OBJECTS);
    const allocate = (slot: number): void => {
      const cacheId = random.between(0, OBJECT_BYTES.length - 1);
      load.build(slot, cacheId, OBJECT_BYTES[cacheId]!);
    };
    for (let slot = 0; slot < LIVE_OBJECTS; slot++) allocate(slot);
    for (let replacement = 0; replacement < REPLACEMENTS; replacement++) {
      const slot = random.between(0, LIVE_OBJECTS - 1);
      load.freeObject(slot);
      allocate(slot);
    }
    return load.finish(OBJECT_BYTES.map((objectBytes) => ({ objectBytes, allocBytes: objectBytes })));
  },
};
