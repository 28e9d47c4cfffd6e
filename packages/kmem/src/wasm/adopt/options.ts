import {
  badArgument,
  type Checks,
  reading,
  readOptions,
  requireBoolean,
  requireText,
  requireUint32,
} from "../../memory/arguments.ts";
import type { KmemError } from "../../memory/errors.ts";
import type { NamedFunctions } from "../allocator/find-allocator.ts";
import type { ImportName } from "../allocator/resize-import.ts";
import { isRole, type Role } from "../allocator/roles.ts";

/** Facts about a module that its bytes do not contain, and what is to become of it. */
export interface AdoptOptions {
  /**
   * Functions of the module's allocator that have no name or another one, by what they do, such as `realloc`: their
   * indexes in the module, or names that it exports or its name section has.
   */
  readonly functions?: Readonly<Partial<Record<Role, number | string | readonly (number | string)[]>>>;
  /** The JavaScript that Emscripten has made for the module: it says what minified exports are. */
  readonly glue?: string;
  /**
   * The first byte of the memory that a heap may have; after the module's static data. Default: what the module says.
   */
  readonly heapBase?: number;
  /**
   * The import by which the program's JavaScript grows the memory and makes its views of it anew, where that has lost
   * its name and `glue` does not say it; false where the JavaScript keeps no views, so that the heap may grow the
   * memory by itself. Default: what the module says.
   */
  readonly resizeImport?: ImportName | false;
  /** Functions that use the old allocator's variables or headers and may stay, because the program never calls them. */
  readonly harmless?: readonly (number | string)[];
  /**
   * "memcheck" checks before each load and store that its bytes lie in a live block or outside of the heap:
   * {@link Memcheck} runs such a module, and reports what does not. Default: no checks.
   */
  readonly check?: "memcheck";
  /** Whether reads of bytes of a block that were never written are reported too. Default false. For `check` only. */
  readonly findUndefined?: boolean;
  /**
   * Whether the program notes its calls in its memory, so that {@link programStacks} knows the stacks of a `DebugHeap`,
   * which take a hundredth of what an engine's do. Default false. Not with `check`, which notes them for itself.
   */
  readonly stacks?: boolean;
  /**
   * Whether the heap's fast paths become functions of the module, so that most calls stay in it and only those that
   * need more cross over to the imports: see `merged` of {@link AdoptedModule}. "sampled" for the paths of a
   * `SampledHeap`, which count its allocations. False where the imports are to see each call, to count or record them.
   * Nothing is merged with `check` or `stacks`, whatever this says. Default true: the paths of a plain heap.
   */
  readonly merge?: boolean | "sampled";
  /**
   * Whether the module's start function, which an engine calls before anybody has the exports, becomes the export
   * `deferredStart` of {@link AdoptedModule}, for whoever makes the instance to call. Needed where it allocates and the
   * memory is not imported, as in AssemblyScript whose top level makes objects. Default false.
   */
  readonly deferStart?: boolean;
}

const CHECKS: Checks<AdoptOptions> = {
  functions: (name, value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw badArgument(name, "an object", value);
  },
  glue: requireText,
  heapBase: requireUint32,
  resizeImport: (name, value) => {
    if (value !== false && (typeof value !== "object" || value === null)) throw badImport(name, value);
  },
  harmless: (name, value) => {
    if (!Array.isArray(value) || !value.every(isFunctionName)) throw badArgument(name, "a list of functions", value);
  },
  check: (name, value) => {
    if (value !== "memcheck") throw badArgument(name, "memcheck", value);
  },
  findUndefined: requireBoolean,
  stacks: requireBoolean,
  merge: (name, value) => {
    if (typeof value !== "boolean" && value !== "sampled") throw badArgument(name, "true, false or sampled", value);
  },
  deferStart: requireBoolean,
};

function isFunctionName(value: unknown): value is number | string {
  return typeof value === "string" || (Number.isInteger(value) && (value as number) >= 0);
}

/** The functions that options name, read once. Throws BAD_ARGUMENT. */
function readFunctions(functions: AdoptOptions["functions"] = {}): NamedFunctions {
  const read: Record<string, (number | string)[]> = {};
  for (const [role, named] of reading("functions", functions, () => Object.entries(functions))) {
    if (!isRole(role)) throw badArgument("functions", "an object with roles", role);
    const list: unknown[] = reading("functions", named, () => [named].flat());
    if (!list.every(isFunctionName)) throw badArgument(`functions.${role}`, "functions by index or name", named);
    read[role] = list as (number | string)[];
  }
  return read;
}

/** The import that options name, read once. Throws BAD_ARGUMENT. */
function readImport(given: AdoptOptions["resizeImport"]): ImportName | false | undefined {
  if (given === undefined || given === false) return given;
  const read: ImportName = reading("resizeImport", given, () => ({ module: given.module, name: given.name }));
  if (typeof read.module !== "string" || typeof read.name !== "string") throw badImport("resizeImport", given);
  return read;
}

function badImport(name: string, value: unknown): KmemError {
  return badArgument(name, "false, or an object with the module and name of an import", value);
}

/** What the caller says, each value read once. */
export interface ReadAdoptOptions extends Omit<AdoptOptions, "resizeImport"> {
  readonly functions: NamedFunctions;
  readonly resizeImport: ImportName | false | undefined;
}

/** Reads the options of `adopt`. Throws BAD_ARGUMENT. */
export function readAdoptOptions(options: AdoptOptions): ReadAdoptOptions {
  const read = readOptions("options", options, CHECKS);
  return { ...read, functions: readFunctions(read.functions), resizeImport: readImport(read.resizeImport) };
}
