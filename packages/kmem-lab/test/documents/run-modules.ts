import process, { argv } from "node:process";
import { pathToFileURL } from "node:url";

// Runs modules one after the other in one process: `run-modules FILE…`. One that throws, or waits for what never comes,
// ends it, and its name is told.

let running = "";

process.on("uncaughtException", (error) => {
  console.error(`${running} throws`, error);
  process.exit(1);
});
process.on("exit", (code) => {
  if (code !== 0) console.error(`Error: the module that was running is ${running}`);
});

for (const path of argv.slice(2)) {
  running = path;
  await import(pathToFileURL(path).href);
}
running = "none";
