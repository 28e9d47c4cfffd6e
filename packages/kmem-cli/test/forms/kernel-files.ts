import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { formById } from "../../src/forms/known-forms.ts";
import { type ReadTraceOptions, readTrace } from "../../src/forms/read-trace.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import type { KernelSummary } from "../../src/trace/trace-summary.ts";
import { withTempDir } from "../trace/support.ts";
import { EventList, type SeenEvent } from "./support.ts";

/** What was read of a kernel's trace. */
export interface KernelFileResult {
  readonly summary: KernelSummary;
  readonly events: readonly SeenEvent[];
}

async function read(path: string, options: ReadTraceOptions): Promise<KernelFileResult> {
  const stream = new EventStream(true);
  const sink = new EventList(stream);
  const { summary } = await readTrace(path, sink, stream, options);
  if (summary.format !== "kernel") throw new Error(`read as ${summary.format}`);
  return { summary, events: sink.events };
}

/** Reads bytes from a file of their own. */
export function readFileBytes(bytes: Uint8Array): Promise<KernelFileResult> {
  return withTempDir((directory) => {
    const path = join(directory, "trace.bin");
    writeFileSync(path, bytes);
    return read(path, {});
  });
}

/** Reads bytes as they come from standard input. */
export function readStreamBytes(bytes: Uint8Array, form?: string): Promise<KernelFileResult> {
  const known = form === undefined ? {} : { form: formById(form)! };
  return read("-", { stdin: Readable.from([Buffer.from(bytes)]), ...known });
}

/** Why a tool cannot be run here; undefined where it can. */
export function missingTool(name: string): string | undefined {
  return spawnSync(name, ["--version"], { stdio: "ignore" }).error === undefined
    ? undefined
    : `${name} is not installed`;
}

/** The text that a tool prints of a file. */
export function printedBy(bytes: Uint8Array, tool: string, ...args: readonly string[]): Promise<Uint8Array> {
  return withTempDir((directory) => {
    const path = join(directory, "trace.bin");
    writeFileSync(path, bytes);
    const { status, stdout, stderr } = spawnSync(tool, [...args, path], { maxBuffer: 2 ** 28 });
    if (status !== 0) throw new Error(`${tool}: ${stderr}`);
    return new Uint8Array(stdout);
  });
}

/** Of a summary what has to be the same, whatever form the trace was read from. */
export function totalsOf({ events, live, objects, pages, slotCount, opCount }: KernelSummary): unknown {
  return { events, live, objects, pages, slotCount, opCount };
}
