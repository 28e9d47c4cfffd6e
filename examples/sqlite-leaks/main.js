// SQLite out of npm, as it is, with kmem's malloc in the memory of its own: who has what, and what was forgotten.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import sqlite3InitModule from "@sqlite.org/sqlite-wasm";
import { checkHeap } from "kmem";
import { DebugHeap } from "kmem/debug";
import { adopt, cMalloc, programHeapOptions } from "kmem/wasm";

const path = fileURLToPath(import.meta.resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm"));
// Each call is to be seen, with its stack: none is served within the program.
const adopted = adopt(readFileSync(path), { merge: false });
let heap;

const sqlite = await sqlite3InitModule({
  // Emscripten asks for the instance here, where it is given a function.
  instantiateWasm(imports, done) {
    let exports;
    // The program's first allocation makes its heap, in the program's own memory. U keeps who allocated what.
    const heapOf = () => {
      heap ??= DebugHeap.create({ ...programHeapOptions(adopted, { imports, exports }), debug: "U", stackDepth: 64 });
      return heap;
    };
    WebAssembly.instantiate(adopted.bytes, { ...imports, kmem: { ...cMalloc(heapOf) } }).then((result) => {
      exports = result.instance.exports;
      done(result.instance, result.module);
    });
    return {};
  },
});

/** The number of words in a database of their own, which goes when it is closed. */
function countWords(words, { isForgetful = false } = {}) {
  const database = new sqlite.oo1.DB(":memory:");
  database.exec("create table words (word text)");
  for (const word of words) database.exec({ sql: "insert into words values (?)", bind: [word] });
  const count = database.selectValue("select count(distinct word) from words");
  if (!isForgetful) database.close();
  return count;
}

const tidy = heap.scope("tidy");
console.log(countWords(["slab", "sheaf", "slab"]), "words");
console.log("not freed:", tidy.objects().length, "blocks");
tidy.dispose();

const forgetful = heap.scope("forgetful");
console.log(countWords(["barn"], { isForgetful: true }), "words");
const places = forgetful.leaks();
const bytes = places.reduce((sum, place) => sum + place.bytes, 0);
const callers = new Set(places.flatMap(({ stack }) => /countWords.*?main\.js:\d+/.exec(stack) ?? []));
console.log("not freed:", bytes, "bytes, allocated by calls from");
for (const caller of callers) console.log("  ", caller.replace(/\(.*\//, ""));
console.log("whole:", checkHeap(heap).isClean);
