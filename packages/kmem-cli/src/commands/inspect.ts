import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { type Command, Option } from "commander";
import { SAMPLE_PATH, serveFiles } from "kmem-inspector/serve";
import { openInput } from "../system/open-input.ts";
import { printText } from "../system/output.ts";
import { parseLiveAddress, requireHeap } from "./live-heap.ts";
import { parseCount } from "./number-arguments.ts";

const EXPLANATION = `
FILE is a dump (plain, .gz or .zst) or a trace of any form that kmem replay reads;
two dumps are compared, the earlier one first. PROGRAM.wasm beside the dump of a
WebAssembly program's memory says where the program's stack is. Without a file the
page asks for one; nothing leaves this machine. --live takes the address that
serveHeap() of kmem-inspector/serve gives in a running program.

Examples:
  kmem inspect --sample                 a dump that comes with the command
  kmem inspect heap.dump
  kmem inspect before.dump after.dump
  kmem inspect memory.dump program.wasm
  kmem inspect app.trace.zst
  kmem inspect --live http://127.0.0.1:7070/3f…/

Exit codes: 0; 1 when a file or an address cannot be read; 2 for a command line
that makes no sense.`;

const FILES_MAX = 2;
const MODULE_ENDING = ".wasm";
const PORT_MAX = 65_535;

interface InspectFlags {
  readonly live?: string;
  readonly sample?: true;
  readonly port: number;
  readonly browser: boolean;
}

/** Adds `kmem inspect`. */
export function registerInspect(program: Command): void {
  program
    .command("inspect")
    .summary("look into a dump, a trace or a running heap in the browser")
    .description("Serves a page on this machine that shows a dump, a trace or a running heap, and opens it.")
    .argument("[files...]", "dumps or a trace")
    .addOption(new Option("--live <address>", "a running heap, by what serveHeap() gives").argParser(parseLiveAddress))
    .option("--sample", "a dump that comes with the command")
    .addOption(
      new Option("--port <port>", "port to listen on; 0: any that is free")
        .argParser((text) => parseCount(text, 0, PORT_MAX))
        .default(0),
    )
    .option("--no-browser", "print the address and open nothing")
    .addHelpText("after", EXPLANATION)
    .action(inspect);
}

async function inspect(given: readonly string[], flags: InspectFlags, command: Command): Promise<void> {
  const { live, port, browser, sample } = flags;
  const files = sample === true ? [...given, SAMPLE_PATH] : given;
  if (files.filter((name) => !name.endsWith(MODULE_ENDING)).length > FILES_MAX)
    command.error(`error: ${files.length} files are too many: two dumps can be compared`);
  if (live !== undefined) {
    if (files.length > 0) command.error("error: a running heap and files cannot be shown at once");
    await requireHeap(live);
    printText(live);
    if (browser) open(live);
    return;
  }
  // What cannot be opened is said here, as every other command says it.
  for (const path of files) openInput(path).stream.destroy();
  const server = await serveFiles(
    files.map((path) => ({ path })),
    { port },
  );
  printText(server.url);
  if (browser) open(server.url);
  // Served until the terminal says that it is enough.
  await Promise.race(["SIGINT", "SIGTERM"].map((signal) => once(process, signal)));
  await server.close();
}

/** Programs that open an address, by platform. */
const OPENERS: Readonly<Record<string, readonly string[]>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

/** Opens an address in the browser; where there is none nothing happens, for the address has been printed. */
function open(url: string): void {
  const [program = "", ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  const child = spawn(program, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
}
