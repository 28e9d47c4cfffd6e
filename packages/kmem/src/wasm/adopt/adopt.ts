import { badArgument, requireUint32 } from "../../memory/arguments.ts";
import { CannotAdopt } from "../allocator/cannot-adopt.ts";
import { Finder, type FoundFunction } from "../allocator/find-allocator.ts";
import {
  findHeapBase,
  findProgramBreak,
  growsMemory,
  type HeapBase,
  type HeapBaseSource,
  type ProgramBreak,
} from "../allocator/heap-base.ts";
import type { HarmlessFunction, LeftFunction, Proof } from "../allocator/replacement-proof.ts";
import { findGrowthImport, findResizeImport, type ImportName } from "../allocator/resize-import.ts";
import { type CFunctionName, IMPORT_MODULE, type Role } from "../allocator/roles.ts";
import { startMayAllocate } from "../allocator/start-function.ts";
import { proveWhole } from "../allocator/whole-proof.ts";
import { External, Section } from "../binary/layout.ts";
import { WasmModule } from "../binary/module.ts";
import { type ModuleNames, readNames } from "../binary/names.ts";
import { DEFAULT_PAGE_BYTES } from "../binary/types.ts";
import { CodeFacts } from "../code/code-facts.ts";
import { type CheckLayout, layoutOfCheck, type Watching } from "../instrument/check-plan.ts";
import { Instrumenter } from "../instrument/instrument.ts";
import { type AdoptOptions, type ReadAdoptOptions, readAdoptOptions } from "./options.ts";
import { Rewriter, type Rewritten, START_EXPORT } from "./rewrite.ts";

/** How the host reaches the memory of a module. */
export interface AdoptedMemory {
  /** The names that the module imports it by; undefined where it has its own. */
  readonly importedAs: { readonly module: string; readonly name: string } | undefined;
  /** The name that it is exported by; undefined where it is not. */
  readonly exportedAs: string | undefined;
  /** Pages of 64 KiB that it begins with. */
  readonly initialPages: number;
  /** Pages that it may grow to; undefined where the module sets no limit. */
  readonly maximumPages: number | undefined;
  /** Whether threads may share it. */
  readonly isShared: boolean;
  /** Whether its addresses are i64. */
  readonly is64: boolean;
}

/** A module whose allocator is the heap's. */
export interface AdoptedModule {
  /** The new module: it imports `imports` from the module "kmem", and all that the old one did. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The functions of C that it needs, with C's types: a word is an i32, or an i64 in a memory of 64 bits. */
  readonly imports: readonly CFunctionName[];
  /**
   * Those of them that have become functions of the module, with the fast path of a plain heap or as `merge` says a
   * sampled one, and call the import for all else. They serve a program once `bindProgram` has bound its heap, which
   * `programHeapOptions` and `cMalloc` do by themselves where they know of its exports; until then, and with other
   * heaps, every call goes to the imports. None where `merge` is false, with `check` or `stacks`, and for memories of
   * 64 bits.
   */
  readonly merged: readonly CFunctionName[];
  /** The memory that the module works in. */
  readonly memory: AdoptedMemory;
  /** The first byte of the memory that a heap may use. */
  readonly heapBase: number;
  /** How `heapBase` was found. */
  readonly heapBaseFrom: HeapBaseSource;
  /** The functions that were replaced, and by what each was found. */
  readonly found: readonly FoundFunction[];
  /** Functions that use the old allocator's variables and stay: initializers, what only these call, or as the options say. */
  readonly harmless: readonly HarmlessFunction[];
  /**
   * All reads of a chunk's header that became constants, not of its flags only: tests of flags, which dlmalloc's calloc
   * makes, inlined or not, and checks of the size, which Rust makes before it frees.
   */
  readonly flagsTestCount: number;
  /**
   * The program's sbrk variable, if there is one: memory below its value is given out. Where `users` is not empty the
   * program may take memory from there on by itself: whoever gives the heap memory has to move it.
   */
  readonly programBreak: ProgramBreak | undefined;
  /** The import by which the program grows its memory, such as emscripten_resize_heap, which renews the glue's views. */
  readonly resizeImport: ImportName | undefined;
  /** The import that the program calls when it has grown its memory by itself, so that JavaScript renews its views. */
  readonly growthImport: ImportName | undefined;
  /** The export that has to be called once, before any other, in place of the start function; undefined for none. */
  readonly deferredStart: string | undefined;
  /** What its loads and stores are checked for. */
  readonly check: "memcheck" | undefined;
  /** Whether it notes its calls, for {@link programStacks}. */
  readonly stacks: boolean;
  /** Whether debug information (DWARF) in the module is still valid: code offsets are unchanged. */
  readonly areCodeOffsetsKept: boolean;
  /** The offset in the old module of a byte offset in the new one, as stack traces and source maps count. */
  originOf(offset: number): number;
}

/**
 * Rewrites a WebAssembly module so that its allocator becomes a heap's: its malloc, free and the rest of the family, or
 * what a language has in their place, become imports of the module "kmem". Every reachable function that uses the old
 * allocator's variables or the headers of blocks is replaced, proven to meet no block, has its test of flags made a
 * constant, or is said to be harmless by the option; else the module is refused with a list of what is left.
 * O(bytes), in memory too.
 *
 * Throws BAD_MODULE for bytes that are no module, CANNOT_ADOPT with `details.reason` and for `left` with
 * `details.left`, and BAD_ARGUMENT.
 */
export function adopt(bytes: Uint8Array, options: AdoptOptions = {}): AdoptedModule {
  const read = readAdoptOptions(options);
  const module = new WasmModule(bytes);
  requireAdoptable(module);
  const names = readNames(module);
  refuseCollectors(module, names);
  if (read.check !== undefined && read.stacks === true) {
    throw badArgument("stacks", "false with check, which notes the program's calls for itself", true);
  }
  const facts = new CodeFacts(module);
  const finder = new Finder(facts, names);
  finder.find(read.functions, read.glue ?? "");
  requireAllocator(finder);
  const assumedHarmless = new Set((read.harmless ?? []).map((one) => finder.indexOf(one)));
  const proof = proveWhole(facts, finder, assumedHarmless, namesOf(module, names));
  requireNothingLeft(finder, proof);
  const isStartDeferred = read.deferStart === true && canDeferStart(module);
  if (!isStartDeferred) requireQuietStart(facts, finder);
  const programBreak = findProgramBreak(facts, finder, proof.reachable);
  const { heapBase, heapBaseFrom } = given(read.heapBase) ?? findHeapBase(module, names, programBreak);
  if (read.heapBase !== undefined && heapBase < module.dataEnd) {
    throw badArgument("heapBase", `${module.dataEnd} at least, where the module's static data ends`, heapBase);
  }
  const breakAddress = programBreak?.address;
  const resize = { option: read.resizeImport, glue: read.glue ?? "", breakAddress };
  const resizeImport = findResizeImport(facts, finder, resize);
  const watching = watchingOf(read);
  const rewritten = new Rewriter({
    facts,
    found: finder.found,
    answers: proof.answers,
    staticEnd: heapBase,
    isChecked: read.check !== undefined,
    core: {
      // A check sees each call, and a heap with debugging has to.
      isMerged: watching === undefined && read.merge !== false,
      isCounted: read.merge === "sampled",
    },
    isStartDeferred,
  }).rewrite();
  const takesMemory = programBreak !== undefined && programBreak.users.length > 0;
  const growsItself =
    programBreak === undefined && watching !== undefined && growsMemory(facts, finder, proof.reachable);
  const layout = watching && layoutOfCheck(heapBase, { takesMemory, growsItself }, watching);
  const checked = layout && checkedModule(rewritten, layout);
  const adopted: AdoptedModule = {
    bytes: checked?.bytes ?? rewritten.bytes,
    imports: rewritten.imports,
    merged: rewritten.merged,
    memory: memoryOf(checked === undefined ? module : new WasmModule(checked.bytes)),
    heapBase,
    heapBaseFrom,
    found: [...finder.found.values()],
    harmless: proof.harmless,
    flagsTestCount: proof.answers.length,
    programBreak,
    resizeImport,
    growthImport: findGrowthImport(module),
    deferredStart: isStartDeferred ? START_EXPORT : undefined,
    check: read.check,
    stacks: read.stacks === true,
    areCodeOffsetsKept: rewritten.areCodeOffsetsKept && checked === undefined,
    originOf: originFunction(checked?.originOf ?? ((offset) => rewritten.offsets.originOf(offset))),
  };
  ADOPTED.add(adopted);
  if (checked !== undefined) LAYOUTS.set(adopted, checked.layout);
  return adopted;
}

function given(heapBase: number | undefined): HeapBase | undefined {
  return heapBase === undefined ? undefined : { heapBase, heapBaseFrom: "option" };
}

function watchingOf({ check, findUndefined, stacks }: ReadAdoptOptions): Watching | undefined {
  if (check === undefined) return stacks === true ? "calls" : undefined;
  return findUndefined === true ? "undefined" : "accesses";
}

/** A module that was rewritten, with looks into a shadow before its loads and stores. */
function checkedModule(rewritten: Rewritten, layout: CheckLayout) {
  const before = (offset: number): number => rewritten.offsets.originOf(offset);
  const { bytes, offsets } = new Instrumenter(rewritten.bytes, layout, before).instrument();
  return { bytes, layout, originOf: (offset: number) => before(offsets.originOf(offset)) };
}

/** Where the parts of a check lie in the memories of modules that are checked. */
const LAYOUTS: WeakMap<object, CheckLayout> = /* @__PURE__ */ new WeakMap();

/** Where the parts of its check lie in the memory of a module; undefined where it is not checked. */
export function checkLayoutOf(adopted: AdoptedModule): CheckLayout | undefined {
  return LAYOUTS.get(adopted);
}

/** What adopt has returned, so that nothing else is taken for it. */
const ADOPTED: WeakSet<object> = /* @__PURE__ */ new WeakSet();

/** Whether a value of any type was returned by {@link adopt}. */
export function isAdopted(value: unknown): value is AdoptedModule {
  return typeof value === "object" && value !== null && ADOPTED.has(value);
}

function originFunction(originOf: (offset: number) => number): (offset: number) => number {
  return (offset) => {
    requireUint32("offset", offset);
    return originOf(offset);
  };
}

/** The names of functions, for messages. */
function namesOf(module: WasmModule, names: ModuleNames): (functionIndex: number) => string | undefined {
  const exported = new Map<number, string>();
  for (const { kind, index, name } of module.exports) if (kind === External.FUNCTION) exported.set(index, name);
  return (functionIndex) => names.functions.get(functionIndex) ?? exported.get(functionIndex);
}

function requireAdoptable(module: WasmModule): void {
  if (module.custom("linking") !== undefined)
    throw new CannotAdopt("object-file", "it is an object file: link it first");
  if (module.custom("dylink.0") !== undefined || module.custom("dylink") !== undefined) {
    const text =
      "it is made for dynamic linking, as a main module or a side one: others that are loaded with it share its " +
      "allocator and memory, and its addresses are not known before";
    throw new CannotAdopt("side-module", text);
  }
  if (module.memories.length === 0) throw new CannotAdopt("no-memory", "it has no memory");
  if (module.memories.length > 1) throw new CannotAdopt("many-memories", "it has more than one memory");
  const { pageBytes } = module.memories[0]!;
  if (pageBytes !== DEFAULT_PAGE_BYTES) {
    throw new CannotAdopt("page-size", `its memory has pages of ${pageBytes} bytes, not of 64 KiB`, { pageBytes });
  }
  if (module.imports.some(({ module: from, kind }) => from === IMPORT_MODULE && kind === External.FUNCTION)) {
    throw new CannotAdopt("already-adopted", `it imports from "${IMPORT_MODULE}" already`);
  }
  const { importedAs, exportedAs } = memoryOf(module);
  if (importedAs === undefined && exportedAs === undefined) {
    throw new CannotAdopt("no-memory", "its memory is neither imported nor exported: nobody could reach the blocks");
  }
}

const COLLECTOR_NAME = /^(?:runtime\.(?:alloc|gcMarkReachable|runGC)|\(?\*?runtime\.mheap)/;

/** Languages whose collector owns all memory: it finds blocks by its own tables, and nobody frees them. */
function refuseCollectors(module: WasmModule, names: ModuleNames): void {
  const isGo = [...names.functions.values()].some((name) => COLLECTOR_NAME.test(name));
  if (!isGo && !producedBy(module).some((tool) => tool === "TinyGo" || tool === "Go")) return;
  const text = "its memory belongs to the garbage collector of Go, which finds blocks by tables of its own";
  throw new CannotAdopt("collector", text);
}

function producedBy(module: WasmModule): string[] {
  const section = module.custom("producers");
  if (section === undefined) return [];
  const text = new TextDecoder().decode(module.bytes.subarray(section.start, section.end));
  return ["TinyGo", "Go"].filter((tool) => new RegExp(`[\\x00-\\x1f]${tool}[\\x00-\\x7f]`).test(text));
}

/** What helps where names and functions are gone: clang runs wasm-opt, which does that, when it links with -O. */
const RELINK = "compile with -c, and link in a step of its own, without -O, so that no wasm-opt runs";

function requireAllocator(finder: Finder): void {
  const has = (...roles: readonly Role[]): boolean => finder.withRole(...roles).length > 0;
  const missing = [
    ...(has("malloc", "rust_alloc", "assemblyscript_alloc") ? [] : ["malloc"]),
    ...(has("free", "rust_dealloc", "assemblyscript_free") ? [] : ["free"]),
  ];
  if (missing.length === 0) return;
  const what = missing.join(" and ");
  const mixed = [...finder.mixed];
  if (mixed.length > 0) {
    const text =
      `nothing names ${what}, and what does their work does something else besides (function ${mixed.join(", ")}): ` +
      `an optimizer has put them into what calls them; ${RELINK}`;
    throw new CannotAdopt("inlined", text, { missing, functions: mixed });
  }
  if (finder.seemsWithoutAllocator) {
    const text =
      "it seems to have no allocator: none of its functions that could be malloc shares a variable with one that " +
      "could be free. If it has one, name its functions in the option functions";
    throw new CannotAdopt("not-found", text, { missing });
  }
  const text =
    `nothing says which of its functions is ${what}: ` +
    `give the glue, or name them in the option functions. If they were stripped, ${RELINK}`;
  throw new CannotAdopt("not-found", text, { missing });
}

function requireNothingLeft(finder: Finder, { left }: Proof): void {
  const isAssemblyScript = finder.withRole("assemblyscript_alloc").length > 0;
  const isImported = finder.isImported;
  if (finder.state === undefined && !isAssemblyScript && !isImported) {
    const text = "malloc and free share no variables: what else uses the allocator's cannot be told";
    throw new CannotAdopt("state-unknown", text, { found: [...finder.found.values()] });
  }
  if (left.length === 0) return;
  throw new CannotAdopt("left", leftText(left), { left });
}

function canDeferStart({ startFunction, sections }: WasmModule): boolean {
  return startFunction !== undefined && sections.some(({ id }) => id === Section.EXPORT);
}

function requireQuietStart(facts: CodeFacts, finder: Finder): void {
  if (memoryOf(facts.module).importedAs !== undefined || !startMayAllocate(facts, finder)) return;
  const text =
    "its start function may allocate, and runs before anybody has the exports, one of which is its memory: adopt it " +
    "with deferStart and call the export that deferredStart names, or import the memory";
  throw new CannotAdopt("start-allocates", text, { start: facts.module.startFunction });
}

/** Functions named in a message at most; the details name all. */
const MOST_LISTED = 20;

function leftText(left: readonly LeftFunction[]): string {
  const lines = left.slice(0, MOST_LISTED).map(({ functionIndex, name, uses }) => {
    const what = uses === "state" ? "uses the old allocator's variables" : "reads what lies before a block";
    return `function ${functionIndex}${name === undefined ? "" : ` (${name})`} ${what}`;
  });
  const more = left.length > MOST_LISTED ? [`and ${left.length - MOST_LISTED} more`] : [];
  return `these functions would work with the old allocator's blocks:\n  ${[...lines, ...more].join("\n  ")}`;
}

function memoryOf(module: WasmModule): AdoptedMemory {
  const { initial, maximum, isShared, is64, importedAs } = module.memories[0]!;
  const exported = module.exports.find(({ kind, index }) => kind === External.MEMORY && index === 0);
  return {
    importedAs: importedAs && { module: importedAs.module, name: importedAs.name },
    exportedAs: exported?.name,
    initialPages: initial,
    maximumPages: maximum,
    isShared,
    is64,
  };
}
