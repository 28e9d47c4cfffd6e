import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runProcess } from "kmem-cli/internal/system/run-process";

const SCRIPT = fileURLToPath(new URL(`./cost-process${extname(import.meta.url)}`, import.meta.url));

/** Measures each of several things so many times, in turns and each time in a process of its own; results by thing. */
export async function measureRounds<Result>(
  figure: "region" | "debug" | "reader" | "record",
  things: readonly string[],
  roundCount: number,
): Promise<Result[][]> {
  const results = things.map((): Result[] => []);
  for (let round = 0; round < roundCount; round += 1) {
    for (const [index, thing] of things.entries()) {
      const output = await runProcess({ file: process.execPath, args: [SCRIPT, figure, thing] });
      results[index]!.push(JSON.parse(output) as Result);
    }
  }
  return results;
}
