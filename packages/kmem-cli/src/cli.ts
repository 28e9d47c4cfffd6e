import { argv } from "node:process";
import { runCommandLine } from "./program.ts";

process.exitCode = await runCommandLine(argv);
