import { argv, exit, stdout } from "node:process";
import { exitCodes, runCommandLine } from "./program.ts";

// Whoever reads the output may stop before its end, as `head` does; then nothing more is to be done.
stdout.on("error", (error: NodeJS.ErrnoException) =>
  exit(error.code === "EPIPE" ? exitCodes.success : exitCodes.failure),
);

process.exitCode = await runCommandLine(argv);
