import { Op, Type } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { type Finder, handlesNoWords } from "./find-allocator.ts";
import { FLAGS_MASK, masksSize } from "./function-shapes.ts";
import { areChecksBeforeFree, freesWhatItChecks, isCheckItself, PASSING_HEADER } from "./header-checks.ts";
import type { PathFunctions } from "./header-paths.ts";
import { type HeaderRead, headerReadsOf } from "./header-reads.ts";
import { isHelper } from "./helpers.ts";

/** A function that would still work with what the old allocator knows of its blocks. */
export interface LeftFunction {
  /** Its index in the module. */
  readonly functionIndex: number;
  /** Its name, where the module says it. */
  readonly name: string | undefined;
  /** How it would: by the allocator's variables, or by what lies before a block. */
  readonly uses: "state" | "header";
  /** Functions that call it and that can be reached. */
  readonly callers: readonly number[];
}

/** A function that uses the old allocator's variables and may stay, and why. */
export interface HarmlessFunction {
  /** Its index in the module. */
  readonly functionIndex: number;
  /** Why it may stay. */
  readonly reason: "initializer" | "only called by initializers" | "the caller says so";
}

/** A load from before a block that becomes a constant: of flags that are tested, or of a size that is checked. */
export interface HeaderAnswer {
  readonly functionIndex: number;
  readonly at: number;
  readonly end: number;
  readonly answer: number;
}

/** What a proof finds: nothing is left where `left` is empty. */
export interface Proof {
  readonly left: readonly LeftFunction[];
  readonly harmless: readonly HarmlessFunction[];
  readonly answers: readonly HeaderAnswer[];
  /** Functions that can be reached once the found ones are replaced. */
  readonly reachable: ReadonlySet<number>;
}

/** The bits of a header that are no part of the size, which is a multiple of 8. */
const ALL_FLAGS = 7;
/** Where more functions use the allocator's variables, none is taken for an initializer. */
const MOST_INITIALIZING = 32;
/** A module has one function that only checks, or a few; of more it is not looked at what calls them. */
const MOST_CHECKS = 8;
/** Functions of words that are longer than this and call none of the allocator's are not looked through for headers. */
const SMALL_BODY_BYTES = 256;

/** Proves that nothing is left of the old allocator that would meet a block of the heap's, or finds what is. */
export class Prover {
  readonly #facts: CodeFacts;
  readonly #finder: Finder;
  readonly #vouched: ReadonlySet<number>;
  readonly #is64: boolean;
  readonly #reachable: Set<number>;
  readonly #callers = new Map<number, number[]>();
  readonly #blockSources: ReadonlySet<number>;
  readonly #functions: PathFunctions;
  #checkCount = 0;

  constructor(facts: CodeFacts, finder: Finder, vouched: ReadonlySet<number>) {
    this.#facts = facts;
    this.#finder = finder;
    this.#vouched = vouched;
    this.#is64 = facts.module.memories[0]?.is64 === true;
    this.#reachable = this.#reach();
    const roles = ["malloc", "memalign", "realloc", "calloc", "aligned_alloc", "reallocarray"] as const;
    const rust = ["rust_alloc", "rust_realloc", "rust_alloc_zeroed"] as const;
    this.#blockSources = new Set(finder.withRole(...roles, ...rust));
    this.#functions = { frees: new Set(finder.withRole("free")), replaced: new Set(finder.found.keys()) };
  }

  prove(nameOf: (functionIndex: number) => string | undefined): Proof {
    const accessors = this.#finder.accessors.filter((index) => this.#isKept(index));
    const harmless = this.#initializers(accessors);
    const left: LeftFunction[] = [];
    const answers: HeaderAnswer[] = [];
    const add = (functionIndex: number, uses: LeftFunction["uses"]): void => {
      const callers = this.#callers.get(functionIndex) ?? [];
      left.push({ functionIndex, name: nameOf(functionIndex), uses, callers });
    };
    for (const index of accessors) {
      if (this.#vouched.has(index)) harmless.set(index, "the caller says so");
      if (!harmless.has(index)) add(index, "state");
    }
    const seen = new Set(accessors);
    for (const index of this.#suspects()) {
      if (seen.has(index) || this.#vouched.has(index)) continue;
      const answered = this.#answers(index);
      if (answered === undefined) add(index, "header");
      else answers.push(...answered);
    }
    const reasons = [...harmless].map(([functionIndex, reason]) => ({ functionIndex, reason }));
    return { left, harmless: reasons, answers, reachable: this.#reachable };
  }

  /** What the reads of headers in a function become; undefined where one cannot become a constant. */
  #answers(functionIndex: number): HeaderAnswer[] | undefined {
    const reads = this.#headerReads(functionIndex);
    const others = reads.filter((read) => !isFlagsTest(read));
    if (others.length > 0) {
      const isUnknown = this.#is64 || others.some(({ isOfHelper }) => isOfHelper);
      if (isUnknown) return undefined;
      const areChecks =
        areChecksBeforeFree(this.#facts, functionIndex, this.#functions, others) ||
        this.#isCheckBeforeFrees(functionIndex, others);
      if (!areChecks) return undefined;
    }
    return reads.map((read) => {
      const { at, end } = read;
      return { functionIndex, at, end, answer: isFlagsTest(read) ? FLAGS_MASK : PASSING_HEADER };
    });
  }

  /** Whether a function only checks headers, of blocks that whatever calls it frees at once. */
  #isCheckBeforeFrees(functionIndex: number, reads: readonly HeaderRead[]): boolean {
    const { replaced } = this.#functions;
    if (this.#facts.module.roots.has(functionIndex)) return false;
    if (!isCheckItself(this.#facts, functionIndex, replaced, reads)) return false;
    if (this.#checkCount++ >= MOST_CHECKS) return false;
    const callers = this.#callers.get(functionIndex) ?? [];
    return callers.every((caller) => freesWhatItChecks(this.#facts, caller, this.#functions, functionIndex));
  }

  /** What runs before anything is allocated, and what that alone calls: hardly more than a few functions. */
  #initializers(accessors: readonly number[]): Map<number, HarmlessFunction["reason"]> {
    const harmless = new Map<number, HarmlessFunction["reason"]>();
    if (accessors.length > MOST_INITIALIZING) return harmless;
    for (const index of accessors) if (this.#isInitializer(index)) harmless.set(index, "initializer");
    for (let size = -1; size !== harmless.size; ) {
      size = harmless.size;
      for (const index of accessors) {
        if (!harmless.has(index) && this.#isCalledBy(index, harmless)) {
          harmless.set(index, "only called by initializers");
        }
      }
    }
    return harmless;
  }

  /** Whether a function is reached and stays as it is. */
  #isKept(functionIndex: number): boolean {
    return this.#reachable.has(functionIndex) && !this.#finder.found.has(functionIndex);
  }

  #reach(): Set<number> {
    const { roots } = this.#facts.module;
    const reached = new Set(roots);
    const waiting = [...roots];
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      if (this.#finder.found.has(index)) continue;
      for (const callee of this.#facts.calleesOf(index)) {
        const callers = this.#callers.get(callee);
        if (callers === undefined) this.#callers.set(callee, [index]);
        else callers.push(index);
        if (!reached.has(callee)) {
          reached.add(callee);
          waiting.push(callee);
        }
      }
    }
    return reached;
  }

  /** A function without arguments and results that reads nothing before blocks: it has met none. */
  #isInitializer(functionIndex: number): boolean {
    const type = this.#facts.module.typeOf(functionIndex);
    if (type === undefined || type.params.length > 0 || !handlesNoWords(this.#facts, functionIndex, this.#is64)) {
      return false;
    }
    return this.#headerReads(functionIndex, true).length === 0;
  }

  /** Whether only such functions call it, each time with nothing but constants. */
  #isCalledBy(functionIndex: number, harmless: ReadonlyMap<number, unknown>): boolean {
    const callers = this.#callers.get(functionIndex) ?? [];
    if (this.#facts.module.roots.has(functionIndex) || callers.length === 0) return false;
    return callers.every((caller) => harmless.has(caller) && this.#passesConstants(caller, functionIndex));
  }

  #passesConstants(caller: number, callee: number): boolean {
    const needed = this.#facts.module.typeOf(callee)?.params.length ?? 0;
    const reader = this.#facts.readerOf(caller);
    let constants = 0;
    while (!reader.isDone) {
      reader.next();
      const { opcode, value } = reader;
      if ((opcode === Op.RETURN_CALL || opcode === Op.REF_FUNC) && value === callee) return false;
      if (opcode === Op.CALL && value === callee && constants < needed) return false;
      constants = opcode >= Op.I32_CONST && opcode <= Op.F64_CONST ? constants + 1 : 0;
    }
    return true;
  }

  /** Functions that may read before blocks without a look at the allocator's variables. */
  #suspects(): Set<number> {
    const { module } = this.#facts;
    const word = this.#is64 ? Type.I64 : Type.I32;
    const suspects = new Set<number>();
    const helpers = new Set<number>();
    for (const index of this.#reachable) {
      if (!this.#isKept(index)) continue;
      const takesWords = module.typeOf(index)?.params.includes(word) === true;
      if (takesWords && this.#facts.isShort(index, SMALL_BODY_BYTES)) suspects.add(index);
      if (isHelper(this.#facts, index)) helpers.add(index);
    }
    for (const index of this.#facts.callersOf(new Set([...this.#finder.found.keys(), ...helpers]))) {
      if (this.#isKept(index)) suspects.add(index);
    }
    return suspects;
  }

  /** The reads of a function that are of headers: before blocks, or before what else with a header's mask. */
  #headerReads(functionIndex: number, all = false): HeaderRead[] {
    const { importedFunctionCount } = this.#facts.module;
    if (functionIndex < importedFunctionCount) return [];
    const wordBytes = this.#is64 ? 8 : 4;
    return headerReadsOf(this.#facts, functionIndex, this.#blockSources, this.#functions.replaced).filter((read) => {
      return all || (read.offset === -wordBytes && (masksSize(read) || (read.isOfBlock && masksFlags(read))));
    });
  }
}

/** Whether a mask keeps nothing but bits that sizes of blocks do not have. */
function masksFlags({ masks }: HeaderRead): boolean {
  return masks.some((mask) => mask > 0 && mask <= ALL_FLAGS);
}

/** Whether a read is of nothing but the flags that say that the bytes of a block came from the system, as zeros. */
function isFlagsTest(read: HeaderRead): boolean {
  return (
    !read.isOfHelper && read.isOfBlock && read.isMaskedAtOnce && read.masks.length === 1 && read.masks[0] === FLAGS_MASK
  );
}
