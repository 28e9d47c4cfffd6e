import { Op, WORD_BYTES } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { type Frame, FunctionCode, type Instruction } from "../code/function-code.ts";
import { POPS } from "../code/operand-stack.ts";
import { isOfChecks, type Symbol32, Symbols } from "../code/symbols.ts";
import { isHelper } from "./helpers.ts";
import { isPanic } from "./panics.ts";

/** Where a path has come to, and what it has there. */
export interface PathState {
  at: number;
  readonly stack: Symbol32[];
  readonly locals: Map<number, Symbol32>;
  /** How much the stack held before the frames that the path has entered. */
  readonly heights: Map<Frame, number>;
  hasFreed: boolean;
}

/** How a path ends: at a call that frees `block`, in a trap or a panic, or at the end of the function. */
export interface PathEnd {
  readonly kind: "free" | "trap" | "return";
  readonly state: PathState;
  readonly block?: Symbol32;
}

/** Functions that calls on paths may name. */
export interface PathFunctions {
  readonly frees: ReadonlySet<number>;
  /** Functions that others replace: what they do now, they do no more then. */
  readonly replaced: ReadonlySet<number>;
}

/** What paths are followed for. */
export interface Pursuit {
  /** The block whose header it is about. */
  readonly block: Symbol32;
  /** What the load at `load` is to give in place of the header; undefined: anything. */
  readonly header?: number;
  readonly load?: number;
  /** Whether paths go on to the end of the function after they have freed. */
  readonly goesOn?: boolean;
}

interface Step {
  readonly end?: PathEnd;
  readonly other?: PathState;
}

const GOES_ON: Step = {};
const MOST_STEPS = 512;
const MOST_PATHS = 64;

/**
 * Goes along the paths of a function from one instruction on, each until it frees, traps or returns. None is known
 * where one of them does anything else that could be noticed: it stores, calls, or comes to a loop.
 */
export class HeaderPaths {
  readonly symbols: Symbols = new Symbols();
  /** Where the header is loaded, or a part of it. */
  readonly headerLoads: Set<number> = new Set();
  /** Locals that were read as they were at the start. */
  readonly readLocals: Set<number> = new Set();
  /** Whether something other than the header is loaded, and whether a branch depends on something else. */
  loadsElse = false;
  branchesElse = false;
  /** Whether something is done with the header that no check does: it is an address, or is divided by. */
  #isMisused = false;
  readonly #facts: CodeFacts;
  readonly #code: FunctionCode;
  readonly #frees: ReadonlySet<number>;
  readonly #replaced: ReadonlySet<number>;
  #pursuit: Pursuit | undefined;
  #stores = 0;

  constructor(facts: CodeFacts, code: FunctionCode, { frees, replaced }: PathFunctions) {
    this.#facts = facts;
    this.#code = code;
    this.#frees = frees;
    this.#replaced = replaced;
  }

  startAt(at: number): PathState {
    return { at, stack: [], locals: new Map(), heights: new Map(), hasFreed: false };
  }

  /** Goes straight on up to an instruction, whatever stands before it. */
  goTo(state: PathState, index: number): void {
    for (; state.at < index; state.at++) {
      const instruction = this.#code.instructions[state.at]!;
      const { opcode, value, access } = instruction;
      if (!this.#mayGoOn()) return;
      if (this.#isPlain(state, instruction)) continue;
      this.#stores++;
      if (opcode === Op.CALL) {
        const type = this.#facts.module.typeOf(value);
        this.#popMany(state, type?.params.length ?? 0);
        for (let left = type?.results.length ?? 0; left > 0; left--) state.stack.push(this.symbols.fresh());
      } else if (access !== undefined && access.resultCount === 0) this.#popMany(state, access.operands.length + 1);
      // Of what is below it then, too, nothing is known.
      else state.stack.length = 0;
    }
  }

  /** How all paths end that go on from a state; undefined where that is not known. */
  endsFrom(start: PathState, pursuit: Pursuit): PathEnd[] | undefined {
    this.#pursuit = pursuit;
    const ends: PathEnd[] = [];
    const waiting = [copyOf(start)];
    let stepsLeft = MOST_STEPS;
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      let end: PathEnd | undefined;
      while (end === undefined) {
        const step = stepsLeft-- > 0 && this.#mayGoOn() ? this.#step(state) : undefined;
        if (step === undefined || this.#isMisused || waiting.length + ends.length > MOST_PATHS) return undefined;
        if (step.other !== undefined) waiting.push(step.other);
        end = step.end;
      }
      ends.push(end);
    }
    return ends;
  }

  /** Whether another step may be made; where not, nothing is known. */
  #mayGoOn(): boolean {
    if (!this.#code.mayStep()) this.#isMisused = true;
    return !this.#isMisused;
  }

  localOf({ locals }: PathState, local: number): Symbol32 {
    return locals.get(local) ?? this.symbols.named(`local ${local}`);
  }

  #pop({ stack }: PathState): Symbol32 {
    return stack.pop() ?? this.symbols.fresh();
  }

  #popMany(state: PathState, count: number): Symbol32[] {
    return Array.from({ length: count }, () => this.#pop(state)).toReversed();
  }

  #step(state: PathState): Step | undefined {
    const instruction = this.#code.instructions[state.at];
    if (instruction === undefined) return undefined;
    const { opcode, value } = instruction;
    if (this.#isPlain(state, instruction)) {
      state.at++;
      return GOES_ON;
    }
    if (opcode === Op.UNREACHABLE) return { end: { kind: "trap", state } };
    if (opcode === Op.RETURN) return { end: { kind: "return", state } };
    if (opcode === Op.CALL) return this.#frees.has(value) ? this.#free(state) : this.#call(state, value);
    return this.#control(state, instruction);
  }

  #free(state: PathState): Step | undefined {
    const block = this.#pop(state);
    if (this.#pursuit?.goesOn !== true) return { end: { kind: "free", state, block } };
    if (state.hasFreed || block !== this.#pursuit.block) return undefined;
    state.hasFreed = true;
    state.at++;
    return GOES_ON;
  }

  /** A call is the end where it is of a panic, which the code knows not to return. */
  #call(state: PathState, callee: number): Step | undefined {
    return isPanic(this.#facts, callee) && this.#code.trapsFrom(state.at + 1)
      ? { end: { kind: "trap", state } }
      : undefined;
  }

  /** Whether an instruction has no effects but on the stack and the locals: it has them then. */
  #isPlain(state: PathState, { opcode, value, at, access }: Instruction): boolean {
    const { stack, locals } = state;
    const { symbols } = this;
    if (opcode === Op.LOCAL_GET) {
      if (!locals.has(value)) this.readLocals.add(value);
      stack.push(this.localOf(state, value));
    } else if (opcode === Op.LOCAL_SET) locals.set(value, this.#pop(state));
    else if (opcode === Op.LOCAL_TEE) {
      stack.push(this.#pop(state));
      locals.set(value, stack.at(-1)!);
    } else if (opcode === Op.I32_CONST) stack.push(symbols.constant(value));
    else if (opcode >= Op.I64_CONST && opcode <= Op.F64_CONST) stack.push(symbols.named(`constant ${at}`));
    else if (opcode === Op.GLOBAL_GET) stack.push(symbols.named(`global ${value} ${this.#stores}`));
    else if (opcode === Op.DROP) this.#pop(state);
    else if (opcode === Op.SELECT) this.#select(state);
    else if (POPS[opcode]! > 0) this.#compute(state, opcode);
    else if (access?.isStore === false && access.operands.length === 0 && opcode < Op.FIRST_STORE) {
      this.#load(state, opcode, value, access.sizeBytes);
    } else if (opcode === Op.CALL && !this.#replaced.has(value) && isHelper(this.#facts, value)) {
      this.#help(state, value);
    } else return opcode === Op.NOP;
    return true;
  }

  /** What a helper does is done in its place; that it loads the header, which is not its own, is not followed. */
  #help(state: PathState, helper: number): void {
    const { instructions } = new FunctionCode(this.#facts, helper);
    const locals = new Map<number, Symbol32>();
    for (const { opcode, value } of instructions) {
      if (opcode >= Op.LOCAL_GET && opcode <= Op.LOCAL_TEE) locals.set(value, this.symbols.constant(0));
    }
    const given = this.#popMany(state, this.#facts.module.typeOf(helper)?.params.length ?? 0);
    for (const [index, symbol] of given.entries()) locals.set(index, symbol);
    const inner: PathState = { ...copyOf(state), stack: [], locals };
    const known = this.headerLoads.size;
    for (const instruction of instructions) {
      const isKnown = this.#mayGoOn() && (this.#isPlain(inner, instruction) || instruction.opcode === Op.END);
      if (!isKnown) this.#isMisused = true;
    }
    if (this.headerLoads.size > known) this.#isMisused = true;
    state.stack.push(this.#pop(inner));
  }

  #compute(state: PathState, opcode: number): void {
    const result = this.symbols.result(opcode, this.#popMany(state, POPS[opcode]!));
    if (result.isOfHeader && !isOfChecks(opcode)) this.#isMisused = true;
    state.stack.push(result);
  }

  #select(state: PathState): void {
    const [one, other, condition] = this.#popMany(state, 3) as [Symbol32, Symbol32, Symbol32];
    const { stack } = state;
    const { symbols } = this;
    if (condition.constant === undefined) stack.push(symbols.result(Op.SELECT, [one, other, condition]));
    else stack.push(symbols.chosen(condition.constant === 0 ? other : one, condition));
  }

  #load(state: PathState, opcode: number, offset: number, sizeBytes: number): void {
    const { symbols } = this;
    const address = symbols.result(Op.I32_ADD, [this.#pop(state), symbols.constant(offset)]);
    if (address.isOfHeader) this.#isMisused = true;
    const { block, header, load } = this.#pursuit ?? {};
    const isOfHeader =
      block !== undefined &&
      address.origin === block.origin &&
      address.plus < block.plus &&
      address.plus + sizeBytes > block.plus - WORD_BYTES;
    if (isOfHeader) this.headerLoads.add(state.at);
    else this.loadsElse = true;
    if (header !== undefined && load === state.at) state.stack.push(symbols.constant(header, true));
    else state.stack.push(symbols.named(`load ${opcode} ${address.id} ${this.#stores}`, isOfHeader));
  }

  #control(state: PathState, { opcode, frame }: Instruction): Step | undefined {
    const { stack, heights } = state;
    switch (opcode) {
      case Op.BLOCK:
        heights.set(frame, stack.length - frame.params);
        state.at++;
        return GOES_ON;
      case Op.ELSE:
        state.at = frame.end;
        return GOES_ON;
      case Op.END:
        state.at++;
        return frame.parent === undefined ? { end: { kind: "return", state } } : GOES_ON;
      case Op.BR:
        return this.#leaves(state) ? GOES_ON : undefined;
      case Op.BR_IF:
      case Op.IF:
        return this.#branch(state, opcode);
      default:
        return undefined;
    }
  }

  #branch(state: PathState, opcode: number): Step | undefined {
    const condition = this.#pop(state);
    const { constant, isOfHeader } = condition;
    if (constant === undefined) {
      // What the header is to be has to decide all that the header decides.
      if (isOfHeader && this.#pursuit?.header !== undefined) return undefined;
      if (!isOfHeader) this.branchesElse = true;
      const other = copyOf(state);
      return this.#goes(state, opcode, true) && this.#goes(other, opcode, false) ? { other } : undefined;
    }
    return this.#goes(state, opcode, constant !== 0) ? GOES_ON : undefined;
  }

  /** Goes on after a condition was true or false; false where that is not known. */
  #goes(state: PathState, opcode: number, isTrue: boolean): boolean {
    if (opcode === Op.BR_IF && isTrue) return this.#leaves(state);
    const { frame } = this.#code.instructions[state.at]!;
    if (opcode === Op.IF) state.heights.set(frame, state.stack.length - frame.params);
    const isElse = opcode === Op.IF && !isTrue;
    state.at = isElse ? (frame.otherwise < 0 ? frame.end : frame.otherwise + 1) : state.at + 1;
    return true;
  }

  #leaves(state: PathState): boolean {
    const [frame] = this.#code.instructions[state.at]!.targets;
    if (frame === undefined || frame.opcode === Op.LOOP) return false;
    const carried = this.#popMany(state, frame.results);
    // Before frames that it was in from the start, all that it has pushed since is gone.
    const height = Math.max(0, state.heights.get(frame) ?? 0);
    if (state.stack.length > height) state.stack.length = height;
    state.stack.push(...carried);
    state.at = frame.end;
    return true;
  }
}

function copyOf({ at, stack, locals, heights, hasFreed }: PathState): PathState {
  return { at, stack: stack.slice(), locals: new Map(locals), heights: new Map(heights), hasFreed };
}
