import { argv } from "node:process";
import { exitWhenOutputCloses } from "kmem-cli/internal/system/closed-output";
import { runLab } from "./program.ts";

exitWhenOutputCloses();
process.exitCode = await runLab(argv);
