import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Writable } from "node:stream";
import { zstdDecompressSync } from "node:zlib";
import { ROOT, writeFigure } from "../figures/repository.ts";
import { ProcessTree } from "./process-tree.ts";

const COMMAND = join(ROOT, "packages", "kmem-cli", "bin", "kmem.js");
/** A real kernel's events, which are repeated: what is live at the end of one round is freed where it is made again. */
const TRACE = join(ROOT, "packages", "kmem-cli", "traces", "mid-6.12-hashedptr.trace.txt.zst");
const LOOK_EVERY_MS = 50;
const MILLION = 1e6;

/** What became of a long trace. */
interface LongTrace {
  readonly operations: number;
  readonly textBytes: number;
  readonly storedBytes: number;
  readonly convertMib: number;
  readonly replayMib: number;
}

/** Converts the text of a kernel's trace, so many times over, and replays the result; throws where either fails. */
async function longTrace(rounds: number): Promise<LongTrace> {
  const folder = mkdtempSync(join(tmpdir(), "kmem-long-trace-"));
  try {
    const text = new Uint8Array(zstdDecompressSync(readFileSync(TRACE)));
    const stored = join(folder, "long.kmt");
    const convert = await run(["convert", "-", "--format", "kernel", "-o", stored], (stdin) =>
      write(stdin, text, rounds),
    );
    const replay = await run(["replay", stored, "-a", "kmem", "--no-native", "-r", "1", "--json"]);
    const { traces } = JSON.parse(replay.stdout) as { traces: { summary: { opCount: number } }[] };
    return {
      operations: traces[0]!.summary.opCount,
      textBytes: text.length * rounds,
      storedBytes: statSync(stored).size,
      convertMib: convert.peakMib,
      replayMib: replay.peakMib,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function write(stdin: Writable, text: Uint8Array, rounds: number): Promise<void> {
  for (let left = rounds; left > 0; left -= 1) if (!stdin.write(text)) await once(stdin, "drain");
  stdin.end();
}

async function run(
  args: readonly string[],
  feed?: (stdin: Writable) => Promise<void>,
): Promise<{ readonly stdout: string; readonly peakMib: number }> {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const tree = new ProcessTree(child.pid ?? 0);
  const looking = setInterval(() => tree.look(), LOOK_EVERY_MS);
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    stdout += part;
  });
  try {
    const ended = once(child, "close");
    if (feed === undefined) child.stdin.end();
    else {
      // A command that ends early says why; that nothing more can be written to it is no news.
      child.stdin.on("error", () => child.stdin.destroy());
      await Promise.race([feed(child.stdin), ended]);
    }
    const [exitCode] = (await ended) as [number | null];
    if (exitCode !== 0) throw new Error(`kmem ${args[0]} ended with exit code ${exitCode}`);
  } finally {
    clearInterval(looking);
  }
  return { stdout, peakMib: tree.peakMib };
}

/** Converts and replays at least so many operations, and writes docs/figures/long-trace.csv. */
export async function writeLongTrace(operationCount: number): Promise<void> {
  const one = await longTrace(1);
  const { operations, textBytes, storedBytes, convertMib, replayMib } = await longTrace(
    Math.ceil(operationCount / one.operations),
  );
  const header = [
    "million operations",
    "text, MB",
    "kmem's format, MB",
    "convert: peak of its processes, MiB",
    "replay: peak of its processes, MiB",
  ];
  const inMillions = [operations, textBytes, storedBytes].map((count) => (count / MILLION).toFixed(1));
  const cells = [header, [...inMillions, ...[convertMib, replayMib].map((mib) => String(Math.round(mib)))]];
  writeFigure("long-trace", cells, cells);
}
