import { type Checks, readOptions, requireFunction, requireText, requireUint32 } from "../../memory/arguments.ts";
import { Section } from "../binary/layout.ts";
import { WasmModule } from "../binary/module.ts";
import { readNames } from "../binary/names.ts";
import { DebugLines } from "../dwarf/debug-lines.ts";

/** How a program's module differs from the one that its debug information is about. */
export interface FrameOptions {
  /** The byte of the original module that a byte of the running one was, as `adopt` tells. Default: the same. */
  readonly originOf?: (offset: number) => number;
}

const CHECKS: Checks<FrameOptions> = { originOf: requireFunction };

/**
 * A frame of a program in a stack as engines write them, with and without a name:
 * `main (wasm://wasm/0a1b:wasm-function[9]:0x247)` and `wasm://wasm/0a1b:wasm-function[9]:0x247`.
 */
const WASM_FRAME = /^(?:at )?(?:(?<name>.*) \()?\S*?wasm-function\[(?<index>\d+)\]:0x(?<offset>[0-9a-f]+)\)?$/;
/** A frame of a stack that a program has noted by itself: a byte of the original module. */
const PROGRAM_FRAME = /^at program:0x(?<offset>[0-9a-f]{1,8})$/;
/** A longer line is no frame of an engine's. */
const FRAME_CHARS_MAX = 4096;
const HEX = 16;
/** Functions that a check has added: they are none of the program's. */
const ADDED_NAME = /^kmem:/;

/** What stands for the heap's own functions within a program. */
const HEAP_FRAME = "at kmem (the heap's paths in the program)";

/** A byte of the original module as a frame that {@link programFrames} knows. */
export function programFrame(offset: number): string {
  return `at program:0x${offset.toString(HEX)}`;
}

/** Says what frames of stacks are in the sources of a program. */
export interface ProgramFrames {
  /**
   * A line of a stack as it should be shown: of the program's functions their name and, where the module has debug
   * information (DWARF), file and line: `at main (leak.c:18:3)`. Other lines stay as they are.
   */
  readonly mapFrame: (frame: string) => string;
  /** The lines of a stack that are functions of the program's, the innermost first, as `mapFrame` shows them. */
  readonly framesOf: (stack: string) => string[];
  /** A byte of the code of the original module as such a frame, as the reports of `Memcheck` name calls. */
  readonly frameAt: (offset: number) => string;
}

/**
 * Reads what a module says of its functions: its name section, and its DWARF line tables once a frame is asked for.
 * `module` is the original one where the running one is adopted. Throws BAD_MODULE and BAD_ARGUMENT.
 */
export function programFrames(module: Uint8Array, options: FrameOptions = {}): ProgramFrames {
  const read = readOptions("options", options, CHECKS);
  const isAdopted = read.originOf !== undefined;
  const originOf = read.originOf ?? ((offset: number): number => offset);
  const original = new WasmModule(module);
  const { start: codeStart = 0, end: codeEnd = 0 } = original.sections.find(({ id }) => id === Section.CODE) ?? {};
  let lines: DebugLines | undefined;
  let names: ReadonlyMap<number, string> | undefined;
  const place = (offset: number): string | undefined => {
    lines ??= new DebugLines(original);
    const found = lines.placeOf(offset - codeStart);
    if (found === undefined) return undefined;
    return found.column > 0 ? `${found.file}:${found.line}:${found.column}` : `${found.file}:${found.line}`;
  };
  const mapWasm = (frame: string): string | undefined => {
    if (frame.length > FRAME_CHARS_MAX) return undefined;
    const noted = PROGRAM_FRAME.exec(frame)?.groups?.["offset"];
    if (noted !== undefined) return shown(Number.parseInt(noted, HEX));
    const groups = WASM_FRAME.exec(frame)?.groups;
    if (groups === undefined) return undefined;
    const index = Number(groups["index"]);
    const offset = Number.parseInt(groups["offset"] ?? "", HEX);
    // The heap's own functions, which adopt has put behind the program's.
    if (isAdopted && originOf(offset) >= codeEnd) return HEAP_FRAME;
    names ??= readNames(original).functions;
    const name = groups["name"] || names.get(index) || `function ${index}`;
    if (ADDED_NAME.test(name)) return undefined;
    return `at ${name} (${place(originOf(offset)) ?? `byte 0x${offset.toString(HEX)}`})`;
  };
  const frameAt = (offset: number): string => {
    requireUint32("offset", offset);
    return shown(offset);
  };
  const shown = (offset: number): string => {
    names ??= readNames(original).functions;
    const index = functionAt(original, offset);
    const name = names.get(index) ?? `function ${index}`;
    return `at ${name} (${place(offset) ?? `byte 0x${offset.toString(HEX)}`})`;
  };
  return {
    mapFrame: (frame) => {
      requireText("frame", frame);
      return mapWasm(frame.trim()) ?? frame;
    },
    framesOf: (stack) => {
      requireText("stack", stack);
      const frames = stack.split("\n").flatMap((line) => mapWasm(line.trim()) ?? []);
      return frames.filter((frame) => frame !== HEAP_FRAME);
    },
    frameAt,
  };
}

/** The function whose body has a byte of a module, or the last one before it. O(log functions). */
function functionAt({ bodyStarts, importedFunctionCount }: WasmModule, offset: number): number {
  let [low, high] = [0, bodyStarts.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bodyStarts[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return importedFunctionCount + Math.max(0, low - 1);
}
