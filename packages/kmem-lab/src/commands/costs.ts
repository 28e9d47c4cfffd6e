import { join } from "node:path";
import { stdout } from "node:process";
import type { Command } from "commander";
import { parseCount } from "kmem-cli/internal/commands/number-arguments";
import { glanceFigures } from "../bench/write-figures.ts";
import { writeSizes } from "../bundle/write-sizes.ts";
import { compareRevision } from "../costs/compare-revision.ts";
import { compareWords } from "../costs/compare-words.ts";
import { writeLongTrace } from "../costs/long-trace.ts";
import { writeRecordCost } from "../costs/record-cost.ts";
import { writeTraceReaders } from "../costs/trace-readers.ts";
import { writeDebugCost } from "../costs/write-debug-cost.ts";
import { writeRegionCost } from "../costs/write-region-cost.ts";
import { writeDrawings } from "../drawings/write-drawings.ts";
import { writeDocument } from "../figures/documents.ts";
import { FigureFiles } from "../figures/figure-files.ts";
import { FIGURES_FOLDER, ROOT } from "../figures/repository.ts";
import { addUpKills, measureKills } from "../kill/kill-figures.ts";

const DEFAULT_ROUNDS = 9;
const LONG_TRACE_OPERATIONS = 100_000_000;

function writeGlance(): void {
  const texts = glanceFigures(new FigureFiles(FIGURES_FOLDER));
  for (const text of Object.values(texts)) stdout.write(`${text}\n`);
  writeDocument(join(ROOT, "README.md"), texts);
}

/** Adds what measures the sources of this repository or writes one of its documents, a figure each. */
export function registerCosts(program: Command): void {
  program
    .command("sizes")
    .summary("what each sub-path of the library weighs")
    .description("Bundles each sub-path of the library, and writes the sizes to docs/figures and docs/measurements.md.")
    .option("--modules", "say as well how many bytes each module has in the core and in everything")
    .action(({ modules }: { readonly modules?: true }) => writeSizes(modules === true));
  program
    .command("glance")
    .summary("the README's six figures, from the CSV files that are there")
    .description("Measures nothing: makes the README's table again from docs/figures.")
    .action(writeGlance);
  program
    .command("drawings")
    .summary("the drawings of the guide, from the layouts")
    .description(
      "Draws the buffer, pages, slabs, sheaves, slots and locks as the layouts have them, for docs/drawings.",
    )
    .action(() => {
      for (const path of writeDrawings(join(ROOT, "docs", "drawings"))) stdout.write(`${path}\n`);
    });
  program
    .command("regions")
    .summary("what kmalloc and kfree cost in regions of many chunks")
    .description("Measures regions of 10 to 100,000 chunks, for docs/figures and docs/sentences.md.")
    .action(writeRegionCost);
  program
    .command("trace-readers")
    .summary("how fast traces of each form are read")
    .description("Reads a real trace in each form, and writes events a second to docs/figures/trace-readers.csv.")
    .action(writeTraceReaders);
  program
    .command("recording")
    .summary("what recording adds to a call of the heap")
    .description("Measures heaps that are recorded beside plain ones, and writes docs/figures/record-cost.csv.")
    .action(writeRecordCost);
  program
    .command("long-trace")
    .summary("the memory that a trace of 100 million operations takes")
    .description("Converts and replays a real trace many times over, and writes docs/figures/long-trace.csv.")
    .argument("[operations]", "how long it is", (text: string) => parseCount(text, 1), LONG_TRACE_OPERATIONS)
    .action(writeLongTrace);
  program
    .command("debugging")
    .summary("what each mode that finds memory bugs costs")
    .description("Measures each mode beside a plain heap, for docs/figures and docs/memory-bugs.md.")
    .action(writeDebugCost);
  program
    .command("kill-figures")
    .summary("kill, for docs/figures and docs/reliability.md")
    .description("Kills 10,000 threads on plain heaps and 4,000 on those that find bugs, and writes what came of it.")
    .argument("[kills...]", "other numbers of threads", (text: string, before: readonly number[] = []) => [
      ...before,
      parseCount(text, 1),
    ])
    .option("--add-up <files...>", "kill nobody: add up what `kmem-lab kill --json` has written into files")
    .action((kills: readonly number[], { addUp }: { readonly addUp?: readonly string[] }) =>
      addUp === undefined ? measureKills(kills) : addUpKills(addUp),
    );
  program
    .command("compare")
    .summary("the traces' times beside those of an older revision")
    .description("Builds a revision beside this one, and replays the traces on both in turns, for docs/figures.")
    .argument("<revision>", "as git names it")
    .argument("[rounds]", "processes of each", (text: string) => parseCount(text, 1), DEFAULT_ROUNDS)
    .action(compareRevision);
  program
    .command("words")
    .summary("the traces' times with a word for 32 blocks in place of tags and sheaves")
    .description(
      "Replays the traces on kmem and on that experiment in turns, for docs/figures and docs/performance.md.",
    )
    .argument("[rounds]", "processes of each", (text: string) => parseCount(text, 1), DEFAULT_ROUNDS)
    .action(compareWords);
}
