// `npm run test:sql`: converts traces to Parquet, a folder for a fleet of them, and asks it every question of docs/sql by
// DuckDB. Rows and sums are those of the traces' own summaries. Writes docs/figures/sql.csv. With a number, only so many
// traces (for a try); the whole fleet is 22 traces of 17.6 million events.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, exit } from "node:process";
import { pathToFileURL } from "node:url";
import { pinnedNode, root } from "./stages.mjs";
import { installTools } from "./tool-folder.mjs";

const cli = join(root, "packages/kmem-cli/bin/kmem.js");
const traceFolder = join(root, "packages/kmem-cli/traces");
const traces = readdirSync(traceFolder).filter((name) => name.endsWith(".zst"));
const large = "lua_bintrees.trace.zst";
const most = Number(argv[2] ?? 22);
/** Small traces first. */
const fleet = ["1.2", "1.3", "1.0", "1.1"]
  .flatMap((release) =>
    traces.filter((trace) => release < "1.2" || trace !== large).map((trace) => ({ release, trace })),
  )
  .slice(0, most);
const memoryLimitKiB = 1024 * 1024;

/** @param {readonly string[]} args */
function kmem(args) {
  // GNU time would say it too, but is not everywhere: the process itself tells how much it had at most.
  const code = `process.on("exit", () => console.error("peak KiB " + process.resourceUsage().maxRSS)); process.argv.splice(1, 0, ${JSON.stringify(cli)}); await import(${JSON.stringify(pathToFileURL(cli).href)});`;
  const options = /** @type {const} */ ({ encoding: "utf8", maxBuffer: 2 ** 28 });
  const { status, stdout, stderr } = spawnSync(pinnedNode, ["--input-type=module", "-e", code, ...args], options);
  if (status !== 0) throw new Error(`kmem ${args.join(" ")}: ${stderr}`);
  return { stdout, peakKiB: Number(/peak KiB (\d+)/.exec(stderr)?.[1]) };
}

const folder = mkdtempSync(join(tmpdir(), "kmem-sql-"));
/** @type {string[]} */
const faults = [];
try {
  const summaries = new Map(
    [...new Set(fleet.map(({ trace }) => trace))].map((trace) => {
      const { stdout } = kmem(["stat", "--json", join(traceFolder, trace)]);
      return [trace, JSON.parse(stdout).trace];
    }),
  );
  let peakKiB = 0;
  const convertStart = performance.now();
  for (const { release, trace } of fleet) {
    const args = ["convert", "--to", "parquet", "--release", release, "-o", join(folder, "events")];
    peakKiB = Math.max(peakKiB, kmem([...args, join(traceFolder, trace)]).peakKiB);
  }
  const convertS = (performance.now() - convertStart) / 1000;
  if (!(peakKiB < memoryLimitKiB)) faults.push(`a conversion took ${peakKiB} KiB of memory`);

  const require = createRequire(join(installTools("sql"), "package.json"));
  const { DuckDBInstance } = await import(pathToFileURL(require.resolve("@duckdb/node-api")).href);
  const connection = await (await DuckDBInstance.create(":memory:", { threads: "2" })).connect();
  /** @param {string} sql */
  const ask = async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  const files = join(folder, "events", "*", "*", "*.parquet");
  await ask(
    `CREATE VIEW events AS SELECT * FROM read_parquet('${files}', hive_partitioning = true, hive_types_autocast = false)`,
  );

  const lines = ["question,rows,seconds"];
  /** @type {Record<string, any[]>} */
  const answers = {};
  for (const file of readdirSync(join(root, "docs/sql")).filter((name) => name.endsWith(".sql"))) {
    const start = performance.now();
    const rows = await ask(readFileSync(join(root, "docs/sql", file), "utf8"));
    const seconds = (performance.now() - start) / 1000;
    answers[file] = rows;
    lines.push(`${file},${rows.length},${seconds.toFixed(2)}`);
    console.log(`  ${file}: ${rows.length} rows, ${seconds.toFixed(2)} s`);
    if (rows.length === 0) faults.push(`${file} has no rows`);
  }
  for (const { release, trace } of fleet) {
    const { opCount, live } = summaries.get(trace);
    const name = trace.replace(/(\.(trace|txt|zst))+$/, "");
    const row = answers["fleet.sql"]?.find((one) => one.release === release && one.trace === name);
    const expected = [opCount, live.requestedBytes, live.liveBytesAtEnd].map(String);
    const found = [row?.events, row?.requested_bytes, row?.live_bytes_at_end].map(String);
    if (found.join() !== expected.join())
      faults.push(`${release} ${name}: ${found.join()} instead of ${expected.join()}`);
  }
  const eventCount = fleet.reduce((sum, { trace }) => sum + summaries.get(trace).opCount, 0);
  lines.push(`convert ${fleet.length} traces of ${eventCount} events,${eventCount},${convertS.toFixed(2)}`);
  if (fleet.length === 22 && faults.length === 0)
    writeFileSync(join(root, "docs/figures/sql.csv"), `${lines.join("\n")}\n`);
  console.log(
    `  ${eventCount} events of ${fleet.length} traces, converted in ${convertS.toFixed(1)} s, at most ${(peakKiB / 1024).toFixed(0)} MiB`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const fault of faults) console.error(`  ${fault}`);
console.log(`  ${faults.length} faults`);
exit(faults.length === 0 ? 0 : 1);
