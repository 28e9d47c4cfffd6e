import { spawn } from "node:child_process";
import process from "node:process";
import { onEarlyExit } from "./cleanup.ts";

/** A command line with what its process needs around it. */
export interface ProcessCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Variables of its environment besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A process that ended otherwise than well. */
export class ProcessError extends Error {
  override readonly name = "ProcessError";
}

/** Lines of a process's complaints that an error repeats. */
const COMPLAINT_LINES = 4;

/** Runs a process to its end and answers what it wrote to standard output. Throws {@link ProcessError}. */
export function runProcess(command: ProcessCommand): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command.file, command.args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...command.env },
    });
    const forget = onEarlyExit(() => child.kill("SIGKILL"));
    let output = "";
    let complaints = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaints += text;
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      forget();
      reject(new ProcessError(error.code === "ENOENT" ? `there is no ${command.file}` : error.message));
    });
    child.on("close", (exitCode, signal) => {
      forget();
      if (exitCode === 0) resolve(output);
      else reject(new ProcessError(describeEnd(exitCode, signal, complaints)));
    });
  });
}

function describeEnd(exitCode: number | null, signal: string | null, complaints: string): string {
  const how = signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
  const lines = complaints.split("\n").filter((line) => line.trim() !== "");
  // Of an uncaught error, Node prints the place first; the message is the line that starts with the error's name.
  const message = lines.find((line) => /^\w*Error\b/.test(line));
  const said = message === undefined ? lines.slice(0, COMPLAINT_LINES).join(" / ") : message;
  return said === "" ? how : `${how}: ${said}`;
}
