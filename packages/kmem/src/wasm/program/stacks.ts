import { DEFAULT_STACK_DEPTH, type StackSource } from "../../debug/stack.ts";
import { badArgument, type Checks, reading, readOptions } from "../../memory/arguments.ts";
import { WORD_SHIFT } from "../../memory/layout.ts";
import type { WasmMemory } from "../../memory/memory.ts";
import { type AdoptedModule, checkLayoutOf, isAdopted } from "../adopt/adopt.ts";
import { CheckHeader } from "../instrument/layout.ts";
import { CallStacks, requireStackDepth } from "./call-stacks.ts";
import { programFrame } from "./frames.ts";

/** How the stacks of a program are written. */
export interface StackOptions {
  /** Calls that are kept of each stack, the innermost ones: 1 to 1,024. Default 16. */
  readonly depth?: number;
}

const CHECKS: Checks<StackOptions> = {
  depth: requireStackDepth,
};

/**
 * The stacks of a program that was adopted with `stacks: true`, from the calls that it notes in its memory: the option
 * `stacks` of a `DebugHeap` or `SampledHeap` in that memory. Their frames are `at program:0x1f3`, with a byte of the
 * original module, which `programFrames` shows as function and line. What JavaScript does outside of all calls of the
 * program gets the engine's stacks as ever. Throws BAD_ARGUMENT. A stack costs O(depth), its text is made once.
 */
export function programStacks(adopted: AdoptedModule, memory: WasmMemory, options: StackOptions = {}): StackSource {
  const layout = isAdopted(adopted) && adopted.stacks ? checkLayoutOf(adopted) : undefined;
  if (layout === undefined) throw badArgument("adopted", "what adopt has returned with stacks: true", adopted);
  const isMemory = reading("memory", memory, () => memory instanceof WebAssembly.Memory);
  if (!isMemory) throw badArgument("memory", "the program's memory", memory);
  const { depth = DEFAULT_STACK_DEPTH } = readOptions("options", options, CHECKS);
  const stacks = new CallStacks(depth);
  const nextWord = (layout.headerAt + CheckHeader.NEXT) >>> WORD_SHIFT;
  const ringWord = layout.ringAt >>> WORD_SHIFT;
  let words = new Uint32Array(memory.buffer);
  return {
    idNow: () => {
      // Whoever makes the memory grow takes the view's bytes away.
      if (words.length === 0) words = new Uint32Array(memory.buffer);
      return stacks.idOf(words, ringWord, words[nextWord] ?? 0);
    },
    textOf: (id) => stacks.sitesOf(id).map(programFrame).join("\n"),
  };
}
