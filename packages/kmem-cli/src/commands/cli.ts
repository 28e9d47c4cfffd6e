import { argv } from "node:process";
import { exitWhenOutputCloses } from "../system/closed-output.ts";
import { runCommandLine } from "./program.ts";

exitWhenOutputCloses();
process.exitCode = await runCommandLine(argv);
