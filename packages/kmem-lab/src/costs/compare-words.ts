import { join } from "node:path";
import process from "node:process";
import { mallocTraces, ROOT, writeFigure } from "../figures/repository.ts";
import { ratioCells, replayTimes, type Times } from "./compare-revision.ts";

const COMMAND: string = join(ROOT, "packages", "kmem-lab", "bin", "kmem-lab.js");

/**
 * What a word for 32 blocks gives in place of tags and sheaves (peers/kmem-words.ts): replays the traces on kmem and on
 * that in turns, each time in a process of its own, and writes the medians and their ratios to
 * docs/figures/kmem-words.csv.
 */
export async function compareWords(roundCount: number): Promise<void> {
  const replay = (allocator: string): Promise<Times> =>
    replayTimes({
      file: process.execPath,
      args: [COMMAND, "replay", "--json", "--allocators", allocator, "--runs", "1", ...mallocTraces()],
    });
  const kmem: Times[] = [];
  const words: Times[] = [];
  for (let round = 0; round < roundCount; round += 1) {
    kmem.push(await replay("kmem"));
    words.push(await replay("kmem-words"));
  }
  const cells = ratioCells(kmem, words, ["kmem", "kmem-words"]);
  writeFigure("kmem-words", cells, cells);
}
