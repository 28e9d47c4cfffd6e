// The built library on the Node that runs this file: `npm test` runs it on the machine's own, which may be as old as 20.
import assert from "node:assert/strict";
import { version } from "node:process";

const library = await import("../packages/kmem/dist/index.js");
assert.equal(typeof library, "object");
console.log(`  Node ${version}: the library loads`);
