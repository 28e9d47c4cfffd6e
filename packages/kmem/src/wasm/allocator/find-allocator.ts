import { External } from "../binary/layout.ts";
import { isWord } from "../binary/module.ts";
import type { ModuleNames } from "../binary/names.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { AllocatorBodies } from "./bodies.ts";
import { CannotAdopt } from "./cannot-adopt.ts";
import { isFreeItself, isMallocItself } from "./entry-behaviour.ts";
import { readsArgumentHeader, shapeOf } from "./function-shapes.ts";
import { glueNames } from "./glue-names.ts";
import { bindgenLeadsTo, C_FUNCTIONS, type CFunctionName, type Role, roleOfName, typeOfRole } from "./roles.ts";
import { rustEntries } from "./rust-entries.ts";
import { type AllocatorState, accessorsOf, type EntryPair, findPair, findStates, WRAPPED_DEPTH } from "./state.ts";
import { allocatesZeros } from "./zeroing.ts";

/** By what a function was found. */
export type Evidence =
  | "option"
  | "export"
  | "import"
  | "glue"
  | "name section"
  | "wrapper"
  | "forwarded"
  | "state"
  | "shape";

/** A function of the old allocator whose part the heap takes. */
export interface FoundFunction {
  /** Which function of the allocator it is. */
  readonly role: Role;
  /** Its index in the module. */
  readonly functionIndex: number;
  /** What it was found by. */
  readonly evidence: Evidence;
  /** The name that said so, or in words what did. */
  readonly name: string;
}

/** What the caller says of functions: their indexes or names. */
export type NamedFunctions = Readonly<Record<string, number | string | readonly (number | string)[]>>;

/** The roles of functions that are an allocator's malloc, and its free. */
const ENTRY_ROLES = { malloc: ["malloc", "rust_alloc"], free: ["free", "rust_dealloc"] } as const;
/** How far below the function that is called malloc the one may be that it forwards to. */
const FORWARDED_DEPTH = 2;

/** Finds an allocator's functions, each once, by the strongest evidence. */
export class Finder {
  readonly found: Map<number, FoundFunction> = new Map();
  state: AllocatorState | undefined;
  accessors: readonly number[] = [];
  /** Functions that use the allocator's variables as malloc or free do, and do something else besides. */
  readonly mixed: Set<number> = new Set();
  /** Whether nothing names an allocator's function, and none looks as if it were one. */
  seemsWithoutAllocator = false;
  readonly #facts: CodeFacts;
  readonly #names: ModuleNames;
  readonly #is64: boolean;
  /** Functions that wrap one of the allocator's, by the role of that one. */
  readonly #wrappers = new Map<Role, number[]>();

  constructor(facts: CodeFacts, names: ModuleNames) {
    this.#facts = facts;
    this.#names = names;
    this.#is64 = facts.module.memories[0]?.is64 === true;
  }

  /** Whether AssemblyScript's allocator is in the module: what the program exports as malloc is only built on it. */
  get #isAssemblyScript(): boolean {
    const named = [...this.#names.functions.values()].some((name) => isAssemblyScript(roleOfName(name)));
    return named || [...this.found.values()].some(({ role }) => isAssemblyScript(role));
  }

  /** Finds by all that names functions, then by what the code does. */
  find(options: NamedFunctions, glue: string): void {
    for (const [role, named] of Object.entries(options)) {
      for (const one of [named].flat()) this.#add(role as Role, this.indexOf(one), "option", String(one), true);
    }
    this.#byExports(glue);
    for (const [index, name] of this.#names.functions) this.#byName(name, index, "name section");
    this.#byImports();
    const mallocs = this.#entries("malloc");
    const frees = this.#entries("free");
    if (mallocs.length === 0 || frees.length === 0) this.#byState(mallocs, frees);
    this.#findState();
    if (this.state === undefined) return;
    this.#addForwarded("malloc");
    this.#addForwarded("free");
    this.#byShape();
  }

  /** Finds the allocator's variables. Those of what wrappers lead to are used by functions that may be malloc and free. */
  #findState(): void {
    const wrapped = (["malloc", "free"] as const).filter((role) => this.withRole(...ENTRY_ROLES[role]).length === 0);
    const [mallocs, frees] = [this.#entries("malloc"), this.#entries("free")];
    for (const state of findStates(this.#facts, { mallocs, frees, areWrappers: wrapped.length > 0 })) {
      const accessors = accessorsOf(this.#facts, state);
      const isFitting = wrapped.every((role) => this.#forwarded(role, new Set(accessors)) !== undefined);
      if (!isFitting && this.state !== undefined) continue;
      [this.state, this.accessors] = [state, accessors];
      if (isFitting) return;
    }
  }

  /** The functions with one of these roles. */
  withRole(...roles: readonly Role[]): number[] {
    return [...this.found.values()].filter(({ role }) => roles.includes(role)).map((one) => one.functionIndex);
  }

  /** Whether wasm-bindgen's wrappers are in the module, and so Rust's allocator. */
  get hasWrappers(): boolean {
    return this.#wrappers.size > 0;
  }

  /** Finds what wasm-bindgen's wrappers hand sizes and alignments to; says whether there is any. */
  addRustEntries(): boolean {
    const { size } = this.found;
    const bodies = new AllocatorBodies(this.#facts, this.found.keys(), this.state);
    for (const { role, functionIndex, caller } of rustEntries(this.#facts, this.#wrappers, bodies)) {
      this.#add(role, functionIndex, "wrapper", `called by function ${caller}`);
    }
    return this.found.size > size;
  }

  /** Of functions that look at chunks by these functions of the allocator's, finds those that give blocks of zeros. */
  addZeroing(candidates: readonly number[], readers: ReadonlySet<number>): void {
    const allocs = new Set(this.withRole("rust_alloc"));
    for (const index of candidates) {
      if (!this.#hasType("rust_alloc_zeroed", index) || !allocatesZeros(this.#facts, index, { allocs, readers }))
        continue;
      this.#add("rust_alloc_zeroed", index, "shape", "allocates a size with an alignment, and clears it");
    }
  }

  /** Whether the allocator is no part of the module: it imports malloc and free. */
  get isImported(): boolean {
    const { importedFunctionCount } = this.#facts.module;
    const entries = this.withRole("malloc", "free");
    return entries.length > 0 && entries.every((index) => index < importedFunctionCount);
  }

  /** The index of a function that is named by it, by its export or in the name section. Throws CANNOT_ADOPT. */
  indexOf(named: number | string): number {
    const { exports, functionTypes } = this.#facts.module;
    if (typeof named === "number") {
      if (named < functionTypes.length) return named;
    } else {
      const exported = exports.find(({ name, kind }) => name === named && kind === External.FUNCTION);
      if (exported !== undefined) return exported.index;
      for (const [index, name] of this.#names.functions) if (name === named) return index;
    }
    throw new CannotAdopt("function-missing", `there is no function ${named} in the module`, { function: named });
  }

  #entries(role: "malloc" | "free"): number[] {
    return [...this.withRole(...ENTRY_ROLES[role]), ...(this.#wrappers.get(role) ?? [])];
  }

  #hasType(role: Role, functionIndex: number): boolean {
    const type = this.#facts.module.typeOf(functionIndex);
    const { params, results } = typeOfRole(role, this.#is64);
    // An optimizer takes away the alignment, which dealloc does not use.
    const shorter = role === "rust_dealloc" ? `${params.slice(0, -1)}:${results}` : undefined;
    const own = type && `${type.params}:${type.results}`;
    return own !== undefined && (own === `${params}:${results}` || own === shorter);
  }

  #add(role: Role, functionIndex: number, evidence: Evidence, name: string, isExplicit = false): void {
    const before = this.found.get(functionIndex);
    if (before !== undefined) {
      if (!isExplicit || before.role === role) return;
      const text = `function ${functionIndex} was said to be both ${before.role} and ${role}`;
      throw new CannotAdopt("wrong-type", text, { function: functionIndex, role });
    }
    if (this.#hasType(role, functionIndex)) {
      this.found.set(functionIndex, { role, functionIndex, evidence, name });
    } else if (isExplicit) {
      const text = `function ${functionIndex} was said to be ${role}, but has another type`;
      throw new CannotAdopt("wrong-type", text, { function: functionIndex, role });
    }
  }

  #byName(name: string, functionIndex: number, evidence: Evidence): void {
    const role = roleOfName(name);
    if (role !== undefined) {
      this.#add(role, functionIndex, evidence, name);
      return;
    }
    const parameterCount = this.#facts.module.typeOf(functionIndex)?.params.length ?? 0;
    if (functionIndex < this.#facts.module.importedFunctionCount) return;
    const leads = bindgenLeadsTo(name, parameterCount);
    if (leads === undefined) return;
    const wrappers = this.#wrappers.get(leads);
    if (wrappers === undefined) this.#wrappers.set(leads, [functionIndex]);
    else wrappers.push(functionIndex);
  }

  #byExports(glue: string): void {
    const { exports } = this.#facts.module;
    const areOwn = this.#isAssemblyScript;
    const isTold = (name: string): boolean => !areOwn || !C_FUNCTIONS.includes(roleOfName(name) as CFunctionName);
    const functions = new Map(
      exports
        .filter(({ kind, name }) => kind === External.FUNCTION && isTold(name))
        .map(({ name, index }) => [name, index]),
    );
    for (const [name, index] of functions) this.#byName(name, index, "export");
    const wanted = (name: string): boolean => roleOfName(name) !== undefined;
    for (const [name, exported] of glueNames(glue, wanted, (one) => functions.has(one))) {
      this.#byName(name, functions.get(exported)!, "glue");
    }
  }

  #byImports(): void {
    const { imports } = this.#facts.module;
    const functions = imports.filter(({ kind }) => kind === External.FUNCTION);
    for (const [index, { module, name }] of functions.entries()) {
      if (module !== "kmem") this.#byName(name, index, "import");
    }
  }

  /** Where malloc or free has no name: by the variables that they share, and the header that free reads. */
  #byState(knownMallocs: readonly number[], knownFrees: readonly number[]): void {
    const { importedFunctionCount, functionTypes } = this.#facts.module;
    const mallocs: number[] = [];
    const frees: number[] = [];
    for (let index = importedFunctionCount; index < functionTypes.length; index++) {
      if (this.#hasType("malloc", index) && this.#facts.addressesOf(index).size > 0) mallocs.push(index);
      if (this.#hasType("free", index) && this.#facts.addressesOf(index).size > 0) frees.push(index);
    }
    const ofFrees = new Set(frees.flatMap((index) => [...this.#facts.addressesOf(index)]));
    const isAlone = !mallocs.some((index) => [...this.#facts.addressesOf(index)].some((one) => ofFrees.has(one)));
    this.seemsWithoutAllocator = isAlone && this.found.size === 0 && this.#wrappers.size === 0;
    const readers = frees.filter((index) => readsArgumentHeader(this.#facts, index));
    const pair = this.#pairOf(
      knownMallocs.length > 0 ? knownMallocs : mallocs,
      knownFrees.length > 0 ? knownFrees : readers,
    );
    if (pair === undefined) return;
    this.#add("malloc", pair.malloc, "state", "shares the most variables with what frees");
    this.#add(
      "free",
      pair.free,
      "state",
      "reads its argument's header, and shares the most variables with what allocates",
    );
  }

  /** The pair of functions that share the most variables, and are nothing but malloc and free. */
  #pairOf(mallocs: readonly number[], frees: readonly number[]): EntryPair | undefined {
    const isKept = (index: number): boolean => !this.mixed.has(index);
    for (;;) {
      const pair = findPair(this.#facts, { mallocs: mallocs.filter(isKept), frees: frees.filter(isKept) });
      if (pair === undefined) return undefined;
      const { size } = this.mixed;
      if (!this.found.has(pair.malloc) && !isMallocItself(this.#facts, pair.malloc)) this.mixed.add(pair.malloc);
      if (!this.found.has(pair.free) && !isFreeItself(this.#facts, pair.free)) this.mixed.add(pair.free);
      if (this.mixed.size === size) return pair;
    }
  }

  /** If the function that is called malloc only forwards to the one that allocates, finds that one, too. */
  #addForwarded(role: "malloc" | "free"): void {
    const index = this.#forwarded(role, new Set(this.accessors));
    if (index === undefined) return;
    const isWrapper = (this.#wrappers.get(role) ?? []).length > 0;
    const [entry] = this.#entries(role);
    this.#add(role, index, isWrapper ? "wrapper" : "forwarded", `called by function ${entry}`);
  }

  /** What the functions that are called malloc forward to, where none of them uses the allocator's variables. */
  #forwarded(role: "malloc" | "free", accessors: ReadonlySet<number>): number | undefined {
    const entries = this.#entries(role);
    if (entries.some((index) => accessors.has(index))) return undefined;
    const depth = this.withRole(...ENTRY_ROLES[role]).length > 0 ? FORWARDED_DEPTH : WRAPPED_DEPTH;
    for (let [level, left] = [this.#below(entries), depth]; left > 0; left--) {
      const fitting = level.filter((index) => accessors.has(index) && this.#hasType(role, index));
      if (fitting.length > 0) return fitting.length > 1 ? undefined : fitting[0];
      // What is replaced itself leads no further: emmalloc's malloc ends in its memalign.
      level = this.#below(level.filter((index) => !this.found.has(index)));
    }
    return undefined;
  }

  #below(functions: readonly number[]): number[] {
    return [...new Set(functions.flatMap((index) => [...this.#facts.calleesOf(index)]))];
  }

  /** Finds realloc, memalign and their like by the shape of their code. */
  #byShape(): void {
    const mallocs = new Set(this.withRole("malloc"));
    const frees = new Set(this.withRole("free"));
    if (mallocs.size === 0 || frees.size === 0) return;
    const accessors = new Set(this.accessors);
    const variables = this.state?.addresses ?? new Set();
    const candidates = new Set([...accessors, ...this.#facts.callersOf(new Set([...accessors, ...mallocs, ...frees]))]);
    const { importedFunctionCount, functionTypes } = this.#facts.module;
    for (let index = importedFunctionCount; index < functionTypes.length; index++) {
      if (this.#hasType("malloc_usable_size", index)) candidates.add(index);
    }
    for (const pass of ["memalign", "others"] as const) {
      const blockSources = new Set(this.withRole("malloc", "memalign"));
      for (const index of candidates) {
        if (this.found.has(index)) continue;
        const context = { mallocs, frees, accessors, variables, blockSources, is64: this.#is64 };
        const shape = shapeOf(this.#facts, index, context);
        if (shape === undefined || (pass === "memalign") !== (shape.role === "memalign")) continue;
        this.#add(shape.role, index, "shape", shape.why);
      }
    }
  }
}

function isAssemblyScript(role: Role | undefined): boolean {
  return role?.startsWith("assemblyscript_") === true;
}

/** Whether the type of a function is such that it can be handed no block, and can hand out none. */
export function handlesNoWords(facts: CodeFacts, functionIndex: number, is64: boolean): boolean {
  const type = facts.module.typeOf(functionIndex);
  return type !== undefined && ![...type.params, ...type.results].some((one) => isWord(one, is64));
}
