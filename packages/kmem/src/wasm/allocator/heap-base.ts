import { External, Op, WORD_BYTES } from "../binary/layout.ts";
import type { WasmModule } from "../binary/module.ts";
import type { ModuleNames } from "../binary/names.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { stackPointerOf } from "../code/program-stack.ts";
import { CannotAdopt } from "./cannot-adopt.ts";
import type { Finder } from "./find-allocator.ts";
import { sizingFunctions } from "./resize-import.ts";

/** How it was found where a heap may begin. */
export type HeapBaseSource = "option" | "__heap_base" | "sbrk" | "stack" | "initial memory";

/** Where a heap may begin in the memory of a module. */
export interface HeapBase {
  readonly heapBase: number;
  readonly heapBaseFrom: HeapBaseSource;
}

/** The variable that says how far the memory is given out: below it is the program's. */
export interface ProgramBreak {
  /** Where it lies. */
  readonly address: number;
  /** What it says at the start. */
  readonly initial: number;
  /** Functions that still use it once the allocator is replaced: they may take memory where it says. */
  readonly users: readonly number[];
}

const STACK_ALIGNMENT = 16;
const HEAP_BASE_NAME = /(?:^|\/)__heap_base$/;

function roundedUp(address: number): number {
  return Math.ceil(address / STACK_ALIGNMENT) * STACK_ALIGNMENT;
}

/** Finds where a heap may begin: where the program's static data and its stack have ended. */
export function findHeapBase(module: WasmModule, names: ModuleNames, programBreak: ProgramBreak | undefined): HeapBase {
  const exported = module.exports.find(({ name, kind }) => kind === External.GLOBAL && name === "__heap_base");
  const named = exported?.index ?? indexNamed(names, HEAP_BASE_NAME);
  const value = module.globals[named ?? -1]?.initial;
  if (value !== undefined) return { heapBase: value, heapBaseFrom: "__heap_base" };
  if (programBreak !== undefined) return { heapBase: programBreak.initial, heapBaseFrom: "sbrk" };
  const stack = stackTop(module);
  const memory = module.memories[0]!;
  const initial: HeapBase = { heapBase: memory.initial * memory.pageBytes, heapBaseFrom: "initial memory" };
  if (module.hasUnknownData) {
    // In a memory of its own all data lies within what the module begins with.
    if (memory.importedAs === undefined) return initial;
    throw new CannotAdopt("data-unknown", "an import says where its data lies: say in heapBase where all of it ends");
  }
  // Where the stack is above the data it ends where the heap begins; below it, nobody says where zeros end.
  if (stack !== undefined && module.dataEnd > 0 && stack >= module.dataEnd) {
    return { heapBase: roundedUp(stack), heapBaseFrom: "stack" };
  }
  return initial;
}

function indexNamed(names: ModuleNames, pattern: RegExp): number | undefined {
  for (const [index, name] of names.globals) if (pattern.test(name)) return index;
  return undefined;
}

/** What the stack pointer is at the start; undefined where no global is known to be one. */
function stackTop(module: WasmModule): number | undefined {
  const top = module.globals[stackPointerOf(module)]?.initial;
  return top === 0 ? undefined : top;
}

/**
 * Finds sbrk's variable: one that a function reads which also sizes the memory, and that says at the start where the
 * static data and the stack have ended. O(code of the functions below malloc).
 */
export function findProgramBreak(
  facts: CodeFacts,
  finder: Finder,
  reachable: ReadonlySet<number>,
): ProgramBreak | undefined {
  const { module } = facts;
  const memory = module.memories[0];
  if (memory === undefined) return undefined;
  const least = Math.max(module.dataEnd, stackTop(module) ?? 0);
  const most = memory.initial * memory.pageBytes;
  const counts = new Map<number, number>();
  for (const index of sizingFunctions(facts, finder)) {
    for (const address of facts.addressesOf(index)) {
      const initial = module.wordAt(address);
      if (initial < least || initial > most || initial % WORD_BYTES !== 0) continue;
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
  }
  if (counts.size !== 1) return undefined;
  const [address] = counts.keys();
  if (address === undefined) return undefined;
  const only = new Set([address]);
  const users = [...reachable].filter((index) => !finder.found.has(index) && facts.namesOneOf(index, only));
  return { address, initial: module.wordAt(address), users };
}

/** Whether what is kept of a program and can be reached grows the memory by itself. O(code). */
export function growsMemory(facts: CodeFacts, finder: Finder, reachable: ReadonlySet<number>): boolean {
  const { importedFunctionCount } = facts.module;
  const isKept = (index: number): boolean => index >= importedFunctionCount && !finder.found.has(index);
  return [...reachable].some((index) => isKept(index) && facts.hasOpcode(index, (opcode) => opcode === Op.MEMORY_GROW));
}
