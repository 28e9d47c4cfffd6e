import "../setup.ts";

const { CountedLibrary } = await import("../fast-paths/counted-library.ts");
const { search } = await import("./search.ts");
const library = new CountedLibrary(["heap/heap.ts"]);
const t0 = performance.now();
let n = 0;
const rows = new Map<string, string[]>();
for (const cell of search(library, {
  sizes: [
    16, 24, 100, 129, 512, 1000, 1024, 1025, 4096, 8192, 16384, 20000, 32768, 32769, 40000, 65536, 131072, 262144,
  ],
  liveCounts: [1, 4, 16, 64, 300],
  operations: 500,
})) {
  n++;
  const key = `${cell.pattern} ${cell.sizeBytes}`;
  rows.set(key, [...(rows.get(key) ?? []), cell.work.toFixed(0)]);
}
for (const [k, v] of rows) console.log(k.padEnd(34), v.join("\t"));
console.log(n, performance.now() - t0);
