import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { compileOnce, withoutBuiltins } from "../contenders/compile.ts";
import { UnfinishedFile } from "../system/unfinished-file.ts";
import { convertRecords, type RecordedCounts } from "./convert-records.ts";
import { RecordFile } from "./record-file.ts";

const nativeFile = (name: string): string => fileURLToPath(new URL(`../../native/${name}`, import.meta.url));
const FLAGS = [
  "-std=gnu11",
  "-O2",
  "-fPIC",
  "-shared",
  "-fvisibility=hidden",
  ...withoutBuiltins("malloc", "free", "calloc", "realloc"),
];
const FOLDER_VARIABLE = "KMEM_RECORD_FOLDER";
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** What a shell adds to the number of the signal that ended a program. */
const SIGNAL_EXIT_CODE_BASE = 128;
const NAME = /^(\d+)-(\d+)\.rec$/;

/** One recorded program of one process. */
export interface RecordedProgram {
  readonly path: string;
  readonly pid: number;
  readonly counts: RecordedCounts;
}

export interface RecordResult {
  /** As a shell gives it. */
  readonly exitCode: number;
  /** The command's own first, then those that it started. */
  readonly programs: readonly RecordedProgram[];
}

/** Compiles the recorder, unless that has been done before, and answers its path. Throws where there is no compiler. */
function compileRecorder(cacheFolder?: string): Promise<string> {
  if (process.platform !== "linux") throw new Error("native programs are recorded on Linux only");
  const source = nativeFile("recorder.c");
  const compilation = {
    name: `recorder-${process.arch}`,
    extension: ".so",
    compiler: "cc",
    args: (output: string) => [...FLAGS, source, "-o", output, "-ldl", "-lpthread"],
    sources: [source, nativeFile("recorder.h")],
    failure: "the recorder cannot be compiled",
  };
  return compileOnce(compilation, cacheFolder);
}

/**
 * Runs a program with the recorder in it, and writes a trace of it to `out`, and one of each process that it started to
 * a file whose name has the process's number before its ending. Throws where it cannot be started.
 */
export async function recordProgram(command: string, args: readonly string[], out: string): Promise<RecordResult> {
  const recorder = await compileRecorder();
  const folder = mkdtempSync(join(tmpdir(), "kmem-record-"));
  try {
    const { exitCode, pid } = await run(command, args, recorder, folder);
    return { exitCode, programs: convertAll(folder, pid, out, [command, ...args].join(" ")) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(
  command: string,
  args: readonly string[],
  recorder: string,
  folder: string,
): Promise<{ readonly exitCode: number; readonly pid: number }> {
  const others = process.env["LD_PRELOAD"];
  const env = {
    ...process.env,
    LD_PRELOAD: others === undefined || others === "" ? recorder : `${recorder}:${others}`,
    [FOLDER_VARIABLE]: folder,
  };
  // A signal of the terminal reaches the program as well; what it has recorded is still to be written.
  const ignore = (): void => {};
  for (const signal of SIGNALS) process.on(signal, ignore);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: "inherit" });
    const done = (): void => {
      for (const signal of SIGNALS) process.off(signal, ignore);
    };
    child.on("error", (error) => {
      done();
      reject(error);
    });
    child.on("close", (code, signal) => {
      done();
      const exitCode = code ?? SIGNAL_EXIT_CODE_BASE + (signal === null ? 0 : constants.signals[signal]);
      resolve({ exitCode, pid: child.pid ?? 0 });
    });
  });
}

function convertAll(folder: string, mainPid: number, out: string, command: string): RecordedProgram[] {
  const files = readdirSync(folder).flatMap((name) => {
    const match = NAME.exec(name);
    return match === null ? [] : [{ name, pid: Number(match[1]), startedNs: Number(match[2]) }];
  });
  // Of several programs in the command's own process the last one is what the others led to.
  files.sort((a, b) => Number(b.pid === mainPid) - Number(a.pid === mainPid) || b.startedNs - a.startedNs);
  const programs: RecordedProgram[] = [];
  const taken = new Set<string>();
  for (const { name, pid } of files) {
    const path = freeName(out, programs.length === 0 ? undefined : pid, taken);
    const counts = convertOne(join(folder, name), path, command);
    if (counts !== undefined) programs.push({ path, pid, counts });
    else taken.delete(path);
  }
  return programs;
}

function freeName(out: string, pid: number | undefined, taken: Set<string>): string {
  const stem = out.replace(/\.kmt$/, "");
  let path = pid === undefined ? out : `${stem}.${pid}.kmt`;
  for (let number = 2; taken.has(path); number += 1) path = `${stem}.${pid}-${number}.kmt`;
  taken.add(path);
  return path;
}

/** Converts one file; undefined where there is nothing in it. */
function convertOne(path: string, out: string, command: string): RecordedCounts | undefined {
  const records = new RecordFile(path);
  try {
    if (records.recordCount === 0) return undefined;
    const file = new UnfinishedFile(out);
    try {
      const notes = { "source form": "kmem record", command, pid: String(records.pid) };
      const counts = convertRecords(records, (bytes) => file.write(bytes), notes);
      file.finish();
      return counts;
    } catch (error) {
      file.abandon();
      throw error;
    }
  } finally {
    records.close();
  }
}
