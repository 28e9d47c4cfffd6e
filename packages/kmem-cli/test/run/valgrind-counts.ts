// `npm run test:record`: real programs run under `kmem record` and under valgrind, which counts the same calls of
// malloc and free without knowing of it. Their allocations, frees and live blocks are equal, or the command fails.
// Writes docs/figures/record.csv. Needs valgrind, git and sqlite3 (Debian packages).
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { Random } from "../../../kmem/test/support/random.ts";

const COMMAND = fileURLToPath(new URL("../../bin/kmem.js", import.meta.url));
const REPOSITORY = fileURLToPath(new URL("../../../../", import.meta.url));
const FIGURES = join(REPOSITORY, "docs/figures/record.csv");
const LINE_COUNT = 20_000;
/** What valgrind calls at a program's end frees what only valgrind would see. */
const VALGRIND = ["--run-libc-freeres=no", "--run-cxx-freeres=no"];

const QUERIES = `
create table t(a integer primary key, b text);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 5000)
  insert into t select x, hex(x * 7919) from c;
create index i on t(b);
select count(*), min(b), max(b) from t where b like '3%';
`;

/** What a program asked of malloc. */
interface Counts {
  readonly allocations: number;
  readonly frees: number;
  readonly bytes: number;
  readonly liveBlocks: number;
}

function output(file: string, args: readonly string[], stream: "stdout" | "stderr"): string {
  const run = spawnSync(file, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (run.error !== undefined) throw new Error(`${file} cannot be started`, { cause: run.error });
  if (run.status !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${run.status}: ${run.stderr}`);
  return run[stream];
}

function recorded(path: string, command: readonly string[]): Counts {
  output(execPath, [COMMAND, "record", "-o", path, "--", ...command], "stdout");
  const { objects } = JSON.parse(output(execPath, [COMMAND, "stat", "--json", path], "stdout")) as {
    objects: { total: { hitCount: number; freeCount: number; requestedBytes: number; liveCount: number } };
  };
  const { hitCount, freeCount, requestedBytes, liveCount } = objects.total;
  return { allocations: hitCount, frees: freeCount, bytes: requestedBytes, liveBlocks: liveCount };
}

function countedByValgrind(command: readonly string[]): Counts {
  const text = output("valgrind", [...VALGRIND, ...command], "stderr").replaceAll(/(?<=\d),(?=\d)/g, "");
  const usage = /total heap usage: (\d+) allocs, (\d+) frees, (\d+) bytes allocated/.exec(text);
  const live = /in use at exit: \d+ bytes in (\d+) blocks/.exec(text);
  if (usage === null || live === null) throw new Error(`valgrind counted nothing: ${text}`);
  const [, allocations, frees, bytes] = usage.map(Number) as [number, number, number, number];
  return { allocations, frees, bytes, liveBlocks: Number(live[1]) };
}

const folder = mkdtempSync(join(tmpdir(), "kmem-record-"));
try {
  const [lines, queries] = [join(folder, "lines.txt"), join(folder, "queries.sql")];
  const random = new Random(1);
  writeFileSync(lines, Array.from({ length: LINE_COUNT }, () => `${random.below(2 ** 31)}\n`).join(""));
  writeFileSync(queries, QUERIES);
  const programs: Readonly<Record<string, readonly string[]>> = {
    // With several threads sort divides its work by what the machine does.
    sort: ["sort", "--parallel=1", lines],
    "git log": ["git", "-C", REPOSITORY, "log", "--oneline", "-n", "50"],
    "git log -p": ["git", "-C", REPOSITORY, "log", "-p", "-n", "2"],
    sqlite3: ["sqlite3", ":memory:", `.read ${queries}`],
  };
  const rows = ["program,allocations,frees,live_blocks,bytes,valgrind_allocations,valgrind_frees,valgrind_live_blocks"];
  for (const [name, command] of Object.entries(programs)) {
    const mine = recorded(join(folder, `${name.replaceAll(" ", "")}.kmt`), command);
    const theirs = countedByValgrind(command);
    const { allocations, frees, liveBlocks, bytes } = mine;
    rows.push(
      [name, allocations, frees, liveBlocks, bytes, theirs.allocations, theirs.frees, theirs.liveBlocks].join(),
    );
    stdout.write(
      `${name}: ${allocations} allocations, ${frees} frees; valgrind ${theirs.allocations}, ${theirs.frees}\n`,
    );
    const areEqual = allocations === theirs.allocations && frees === theirs.frees && liveBlocks === theirs.liveBlocks;
    if (!areEqual) process.exitCode = 1;
  }
  if (process.exitCode === undefined) writeFileSync(FIGURES, `${rows.join("\n")}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
