import { External, Op, Type } from "../binary/layout.ts";
import { isWord, type WasmModule } from "../binary/module.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { CannotAdopt } from "./cannot-adopt.ts";
import type { Finder } from "./find-allocator.ts";
import { glueImports } from "./glue-names.ts";

/** A function that a module imports, by its names. */
export interface ImportName {
  /** The module that it is imported from. */
  readonly module: string;
  /** Its name there. */
  readonly name: string;
}

const RESIZE_IMPORTS: ReadonlySet<string> = new Set(["emscripten_resize_heap", "_emscripten_resize_heap"]);

/** Emscripten's JavaScript of before 2019 has these: they take no size, and read sbrk's variable. */
const OLD_RESIZE_IMPORTS: ReadonlySet<string> = new Set(
  ["enlargeMemory", "abortOnCannotGrowMemory"].flatMap((name) => [name, `_${name}`]),
);
/** Emscripten shortens the names of imports to so many characters, and hardly anything else does. */
const SHORTENED_CHARACTERS = 2;

/** Emscripten's standalone programs grow their memory by themselves, and then call this, which renews the views. */
const GROWTH_IMPORT = "emscripten_notify_memory_growth";

/** The import that the program calls after it has grown its memory by itself; undefined for none. */
export function findGrowthImport(module: WasmModule): ImportName | undefined {
  const index = functionImports(module).findIndex(({ name }) => name === GROWTH_IMPORT);
  const type = module.typeOf(index);
  if (index < 0 || `${type?.params}:${type?.results}` !== `${Type.I32}:`) return undefined;
  const { module: from, name } = functionImports(module)[index]!;
  return { module: from, name };
}

/** What is known of where a program's memory grows. */
export interface ResizeEvidence {
  /** What the caller says: the import, or false where the program's JavaScript keeps no views. */
  readonly option: ImportName | false | undefined;
  /** The program's JavaScript, or "". */
  readonly glue: string;
  /** Where sbrk's variable lies, if that is known. */
  readonly breakAddress: number | undefined;
}

/**
 * The import that the program asks for more memory, which makes its JavaScript's views of the memory anew: by the
 * option, by its name, by the size of the memory that what calls it has read, as the glue names it, else the only one
 * below malloc that takes a size, if Emscripten has shortened its name. Undefined where the program grows its memory by
 * itself, or never. Throws CANNOT_ADOPT where nothing says which of Emscripten's imports it is: a heap that grew the
 * memory without it would leave the program's JavaScript with views that are detached. O(code).
 */
export function findResizeImport(facts: CodeFacts, finder: Finder, evidence: ResizeEvidence): ImportName | undefined {
  const { module } = facts;
  const { option, glue, breakAddress } = evidence;
  if (option === false) return undefined;
  if (option !== undefined) return givenImport(module, option);
  const below = belowMalloc(facts, finder);
  const growsItself = [...below].some((index) => facts.hasOpcode(index, (opcode) => opcode === Op.MEMORY_GROW));
  const functions = functionImports(module);
  const found =
    functions.find(({ name }) => RESIZE_IMPORTS.has(name)) ??
    (growsItself ? undefined : functions[calledWithSize(facts, finder, breakAddress) ?? -1]) ??
    // It may be the glue of another module, too.
    namedByGlue(module, glue) ??
    (growsItself ? undefined : onlyShortened(module, below));
  if (found !== undefined) return { module: found.module, name: found.name };
  if (!growsItself) refuseUnknown(module, below);
  return undefined;
}

function functionImports({ imports }: WasmModule) {
  return imports.filter(({ kind }) => kind === External.FUNCTION);
}

function givenImport(module: WasmModule, { module: from, name }: ImportName): ImportName {
  const index = functionImports(module).findIndex((one) => one.module === from && one.name === name);
  if (index < 0)
    throw new CannotAdopt("function-missing", `it imports no function ${from}.${name}`, { function: name });
  if (!isResizer(module, index)) {
    const text = `the import ${from}.${name} does not take one size and return one i32, as what grows the memory does`;
    throw new CannotAdopt("wrong-type", text, { function: index });
  }
  return { module: from, name };
}

/** What the glue says, which may be that of several modules: the one name that this one has such an import of. */
function namedByGlue(module: WasmModule, glue: string) {
  const named = glueImports(glue, RESIZE_IMPORTS);
  const fitting = functionImports(module).filter(({ name }, index) => named.has(name) && isResizer(module, index));
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** The only import that is called with a size by what reads sbrk's variable, else by what reads the memory's size. */
function calledWithSize(facts: CodeFacts, finder: Finder, breakAddress: number | undefined): number | undefined {
  const sizing = sizingFunctions(facts, finder);
  const only = new Set(breakAddress === undefined ? [] : [breakAddress]);
  const ofBreak = sizing.filter((index) => facts.namesOneOf(index, only));
  return onlyCalled(facts, ofBreak) ?? onlyCalled(facts, sizing);
}

/** The only import that may be the one among those that these functions call. */
function onlyCalled(facts: CodeFacts, callers: readonly number[]): number | undefined {
  return onlyResizer(facts.module, new Set(callers.flatMap((index) => [...facts.calleesOf(index)])));
}

function onlyResizer(module: WasmModule, functions: ReadonlySet<number>): number | undefined {
  const resizers = [...functions].filter((index) => isImport(module, index) && isResizer(module, index));
  return resizers.length === 1 ? resizers[0] : undefined;
}

/** The only import that takes a size. A logger may be that as well: it is none where its name was left to it. */
function onlyShortened(module: WasmModule, below: ReadonlySet<number>) {
  const only = functionImports(module)[onlyResizer(module, below) ?? -1];
  return only !== undefined && isShortened(only.name) ? only : undefined;
}

function isShortened(name: string): boolean {
  return name.length <= SHORTENED_CHARACTERS;
}

/** Whether a name is one that Emscripten gives: that of its oldest way to grow memory, or none that says anything. */
function isOfEmscripten(name: string): boolean {
  return OLD_RESIZE_IMPORTS.has(name) || isShortened(name);
}

function refuseUnknown(module: WasmModule, below: ReadonlySet<number>): void {
  const { isShared, initial, maximum } = module.memories[0]!;
  if (isShared || maximum === initial) return;
  const functions = functionImports(module);
  const isCandidate = (index: number): boolean =>
    isImport(module, index) && mayResize(module, index) && isOfEmscripten(functions[index]!.name);
  const candidates = [...below].filter(isCandidate);
  if (candidates.length === 0) return;
  const imports = candidates
    .filter((index) => isResizer(module, index))
    .map((index) => ({ module: functions[index]!.module, name: functions[index]!.name }));
  const text = `its JavaScript grows its memory and makes its views of it anew, but ${helpFor(imports)}`;
  throw new CannotAdopt("growth-unknown", text, { imports });
}

function helpFor(imports: readonly ImportName[]): string {
  const none = "false, where nobody keeps views or the heap has a maximumBytes that the memory has already";
  if (imports.length === 0)
    return `by an import that takes no size, which a heap cannot call: resizeImport may be ${none}`;
  const names = imports.map((one) => `${one.module}.${one.name}`).join(", ");
  return `nothing says by which of its imports (${names}): give the glue, or resizeImport, its name or ${none}`;
}

function isImport(module: WasmModule, functionIndex: number): boolean {
  return functionIndex < module.importedFunctionCount;
}

/** Whether an import takes a size and says whether it could be had. */
function isResizer(module: WasmModule, functionIndex: number): boolean {
  return mayResize(module, functionIndex) && module.typeOf(functionIndex)?.params.length === 1;
}

/** Whether an import says whether something could be had, and takes no more than a size. */
function mayResize(module: WasmModule, functionIndex: number): boolean {
  const type = module.typeOf(functionIndex);
  const is64 = module.memories[0]?.is64 === true;
  if (type === undefined || type.params.length > 1 || `${type.results}` !== `${Type.I32}`) return false;
  return type.params.every((one) => isWord(one, is64));
}

/** Malloc and all that it leads to, without imports that are the allocator's themselves. */
function belowMalloc(facts: CodeFacts, finder: Finder): Set<number> {
  const below = new Set(finder.withRole("malloc", "memalign", "rust_alloc"));
  for (const index of below) for (const callee of facts.calleesOf(index)) below.add(callee);
  for (const index of finder.found.keys()) if (isImport(facts.module, index)) below.delete(index);
  return below;
}

/** Functions at and below malloc that read or change the size of the memory, by themselves or through an import. */
export function sizingFunctions(facts: CodeFacts, finder: Finder): number[] {
  const { module } = facts;
  const resizers = new Set(
    functionImports(module).flatMap(({ name }, index) => (RESIZE_IMPORTS.has(name) ? [index] : [])),
  );
  const entries = finder.withRole("malloc", "memalign", "rust_alloc");
  const near = new Set(entries);
  for (const index of entries) for (const callee of facts.calleesOf(index)) near.add(callee);
  for (const index of [...near]) for (const callee of facts.calleesOf(index)) near.add(callee);
  return [...near].filter((index) => index >= module.importedFunctionCount && sizesMemory(facts, index, resizers));
}

function sizesMemory(facts: CodeFacts, functionIndex: number, resizers: ReadonlySet<number>): boolean {
  if ([...facts.calleesOf(functionIndex)].some((index) => resizers.has(index))) return true;
  return facts.hasOpcode(functionIndex, (opcode) => opcode === Op.MEMORY_SIZE || opcode === Op.MEMORY_GROW);
}
