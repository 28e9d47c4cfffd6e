import { argv } from "node:process";
import { runCommandLine } from "./program.ts";
import { exitWhenOutputCloses } from "./system/closed-output.ts";

exitWhenOutputCloses();
process.exitCode = await runCommandLine(argv);
