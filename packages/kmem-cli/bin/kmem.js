#!/usr/bin/env node
// An older Node could not even load what is imported below, and would say so in words that help nobody.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > 22 || (major === 22 && minor >= 15)) {
  await import("../dist/commands/cli.js");
} else {
  console.error(`kmem: needs Node 22.15 or newer; this is ${process.versions.node}. In a clone, npx kmem finds one.`);
  process.exitCode = 1;
}
