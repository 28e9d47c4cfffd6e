import { type Access, accessOf } from "../binary/accesses.ts";
import type { InstructionReader } from "../binary/instructions.ts";
import { Op } from "../binary/layout.ts";
import type { CodeFacts } from "./code-facts.ts";
import { CONSTANT, type FlowUses, type FlowValue } from "./flow-uses.ts";
import { type BlockArity, blockArityOf, branchesOf } from "./function-code.ts";
import { changedInLoops } from "./loop-changes.ts";
import { POPS } from "./operand-stack.ts";

/** Origins: besides constants nothing that is known, and from here on the parameters; what follows these is new. */
const UNKNOWN = 0;
const FIRST_PARAMETER = 1;
const NOTHING: FlowValue = { origin: UNKNOWN, plus: 0 };

/** From lt_s to ge_u. */
const ORDERS = { FIRST: 0x48, LAST: 0x4f, FIRST_I64: 0x53, LAST_I64: 0x5a } as const;
const FIRST_BULK = 8;
const LAST_BULK = 11;
/** The functions of a module that are followed have no more than this. */
const MOST_LOCALS = 1024;
/** And no more values, as often as they are looked at, nor locals where ways meet. */
const MOST_LOOKED_AT = 0x10_0000;
const MOST_MEETING = 0x40_0000;

interface FlowFrame {
  readonly isLoop: boolean;
  /** Values that were on the stack before its parameters. */
  readonly height: number;
  readonly parameters: readonly FlowValue[];
  readonly resultCount: number;
  /** What the locals hold where code comes to its end from. */
  readonly incoming: (readonly FlowValue[])[];
  /** What its result is there, where it has one. */
  readonly outcomes: FlowValue[];
  /** Of an if: what the locals held before it, until there is an else. */
  otherwise: readonly FlowValue[] | undefined;
}

/**
 * Follows where the values of a function come from, on every way that its code can go, and notes what is done with
 * them. What a local holds where ways meet is what it may have held on each. O(instructions and, where ways meet,
 * locals).
 */
export class ValueFlow {
  readonly uses: FlowUses = {
    ...{ addresses: [], calls: [], copies: [], handedOn: [], results: [], masked: [], compared: [] },
    ...{ usesGlobals: false, callsIndirect: false, fillsMemory: false, growsMemory: false },
  };
  /** Whether there is code that is not understood, or more than is looked at: to be asked after all else. */
  isUnsure = false;
  readonly #facts: CodeFacts;
  readonly #reader: InstructionReader;
  readonly #resultCount: number;
  readonly #frames: FlowFrame[] = [];
  #stack: FlowValue[] = [];
  /** Undefined where no way leads to. */
  #locals: FlowValue[] | undefined;
  #nextOrigin: number;
  /** By origin, the values that one of which it is. */
  readonly #sources = new Map<number, readonly FlowValue[]>();
  /** Origins of what calls returned, and of what was computed or loaded from it. */
  readonly #ofCalls = new Set<number>();
  #lookedAt = 0;
  #meeting = 0;
  /** By where a loop begins, the locals that change in it. */
  readonly #changed: ReadonlyMap<number, ReadonlySet<number>>;

  constructor(facts: CodeFacts, functionIndex: number) {
    this.#facts = facts;
    const type = facts.module.typeOf(functionIndex);
    const parameterCount = type?.params.length ?? 0;
    this.#resultCount = type?.results.length ?? 0;
    this.#nextOrigin = FIRST_PARAMETER + parameterCount;
    this.#locals = Array.from({ length: parameterCount }, (_, index) => this.parameter(index));
    this.#changed = changedInLoops(facts.readerOf(functionIndex));
    this.#reader = facts.readerOf(functionIndex);
    this.#frames.push(this.#frame(this.#resultCount));
    while (!this.#reader.isDone && this.#frames.length > 0 && !this.isUnsure) {
      this.#reader.next();
      this.#step();
    }
  }

  parameter(index: number): FlowValue {
    return { origin: FIRST_PARAMETER + index, plus: 0 };
  }

  /** All that a value may be, itself too; where that is too much it is unsure. O(values). */
  ancestorsOf(value: FlowValue): FlowValue[] {
    const found = new Map<string, FlowValue>();
    const waiting = [value];
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      const key = `${one.origin} ${one.plus}`;
      if (!this.#mayLook()) return [];
      if (one.origin <= UNKNOWN || found.has(key)) continue;
      found.set(key, one);
      for (const { origin, plus } of this.#sources.get(one.origin) ?? []) {
        waiting.push({ origin, plus: plus + one.plus });
      }
    }
    return [...found.values()];
  }

  /** Whether a value is a constant on every way. O(values). */
  isConstant(value: FlowValue): boolean {
    const seen = new Set<number>();
    const waiting = [value];
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      if (!this.#mayLook()) return false;
      if (one.origin === CONSTANT || seen.has(one.origin)) continue;
      const sources = this.#sources.get(one.origin);
      if (sources === undefined) return false;
      seen.add(one.origin);
      for (const source of sources) waiting.push(source);
    }
    return true;
  }

  /** Whether a value was returned by a function, or computed or loaded from such a value; a null may be, too. */
  isOfCalls({ origin }: FlowValue): boolean {
    return this.#ofCalls.has(origin);
  }

  #mayLook(): boolean {
    if (this.#lookedAt++ >= MOST_LOOKED_AT) this.isUnsure = true;
    return !this.isUnsure;
  }

  #frame(resultCount: number, parameters: readonly FlowValue[] = [], isLoop = false): FlowFrame {
    const height = this.#stack.length;
    return { isLoop, height, parameters, resultCount, incoming: [], outcomes: [], otherwise: undefined };
  }

  #pop(): FlowValue {
    const { height = 0 } = this.#frames.at(-1) ?? {};
    return this.#stack.length > height ? this.#stack.pop()! : NOTHING;
  }

  #popMany(count: number): FlowValue[] {
    return Array.from({ length: count }, () => this.#pop()).toReversed();
  }

  #fresh(sources: readonly FlowValue[] = []): FlowValue {
    const origin = this.#nextOrigin++;
    if (sources.length > 0) this.#sources.set(origin, sources);
    const isNull = (one: FlowValue): boolean => one.origin === CONSTANT && one.plus === 0;
    if (sources.length > 0 && sources.every((one) => isNull(one) || this.isOfCalls(one))) this.#ofCalls.add(origin);
    return { origin, plus: 0 };
  }

  #pushFresh(count: number, isOfCalls = false): void {
    for (let left = count; left > 0; left--) {
      const value = this.#fresh();
      if (isOfCalls) this.#ofCalls.add(value.origin);
      this.#stack.push(value);
    }
  }

  #read(local: number): FlowValue {
    return this.#locals?.[local] ?? { origin: CONSTANT, plus: 0 };
  }

  #set(local: number, value: FlowValue): void {
    if (local >= MOST_LOCALS) this.isUnsure = true;
    else if (this.#locals !== undefined) {
      for (let index = this.#locals.length; index < local; index++) this.#locals.push({ origin: CONSTANT, plus: 0 });
      this.#locals[local] = value;
    }
  }

  #step(): void {
    const { opcode, value } = this.#reader;
    switch (opcode) {
      case Op.I32_CONST:
      case Op.I64_CONST:
        this.#stack.push({ origin: CONSTANT, plus: value });
        return;
      case Op.LOCAL_GET:
        this.#stack.push(this.#read(value));
        return;
      case Op.LOCAL_SET:
        this.#set(value, this.#pop());
        return;
      case Op.LOCAL_TEE: {
        const held = this.#pop();
        this.#set(value, held);
        this.#stack.push(held);
        return;
      }
      case Op.CALL:
      case Op.RETURN_CALL:
        this.#call(value, opcode === Op.RETURN_CALL);
        return;
      case Op.GLOBAL_SET:
        this.uses.usesGlobals = true;
        this.#pop();
        return;
      case Op.DROP:
        this.#pop();
        return;
      case Op.SELECT:
      case Op.SELECT_TYPED: {
        this.#pop();
        this.#stack.push(this.#merged(this.#popMany(2)));
        return;
      }
      default:
        this.#other();
    }
  }

  #other(): void {
    const { opcode, prefixed } = this.#reader;
    const found = accessOf(this.#reader);
    if (found !== undefined) this.#access(found);
    else if (POPS[opcode]! > 0) this.#numeric(opcode, POPS[opcode]!);
    else if (PUSHES_ONE.has(opcode)) {
      if (opcode === Op.GLOBAL_GET) this.uses.usesGlobals = true;
      this.#pushFresh(1);
    } else if (opcode === Op.MEMORY_GROW) {
      this.uses.growsMemory = true;
      this.#replace(1, 1);
    } else if (opcode === Op.MISC_PREFIX && prefixed < FIRST_BULK) this.#replace(1, 1);
    else if (opcode === Op.MISC_PREFIX && prefixed <= LAST_BULK && prefixed !== DATA_DROP) {
      const given = this.#popMany(3);
      if (prefixed === MEMORY_COPY) this.uses.copies.push(given);
      else this.uses.fillsMemory = true;
      this.uses.handedOn.push(...given);
    } else if (opcode === Op.CALL_INDIRECT || opcode === Op.RETURN_CALL_INDIRECT) this.#indirect(opcode);
    else if (opcode !== Op.NOP) this.#control();
  }

  #replace(pops: number, pushes: number): void {
    this.#popMany(pops);
    this.#pushFresh(pushes);
  }

  #access({ operands, isStore, resultCount }: Access): void {
    const stored = this.#popMany(operands.length);
    const address = this.#pop();
    const { origin, plus } = address;
    if (this.#locals !== undefined) {
      this.uses.addresses.push({ value: { origin, plus: plus + this.#reader.value }, isStore, stored });
      this.uses.handedOn.push(...stored);
    }
    this.#pushFresh(resultCount, this.isOfCalls(address));
  }

  #numeric(opcode: number, pops: number): void {
    const [one = NOTHING, other = NOTHING] = this.#popMany(pops);
    const isSum = opcode === Op.I32_ADD || opcode === Op.I64_ADD;
    const isDifference = opcode === Op.I32_SUB || opcode === Op.I64_SUB;
    const isMask = opcode === Op.I32_AND || opcode === Op.I64_AND;
    if (isOrder(opcode) && other.origin === CONSTANT) this.uses.compared.push({ value: one, constant: other.plus });
    if (isMask && other.origin === CONSTANT) this.uses.masked.push({ value: one, mask: other.plus });
    if ((isSum || isDifference) && pops === 2 && other.origin === CONSTANT) {
      this.#stack.push({ origin: one.origin, plus: one.plus + (isSum ? other.plus : -other.plus) });
    } else if (isSum && one.origin === CONSTANT) {
      this.#stack.push({ origin: other.origin, plus: other.plus + one.plus });
    } else this.#pushFresh(1, this.isOfCalls(one) || this.isOfCalls(other));
  }

  #call(functionIndex: number, returns: boolean): void {
    const type = this.#facts.module.typeOf(functionIndex);
    const given = this.#popMany(type?.params.length ?? 0);
    const count = type?.results.length ?? 0;
    if (!returns) this.#pushFresh(count, true);
    const result = count === 1 && !returns ? this.#stack.at(-1) : undefined;
    this.uses.calls.push({ callee: functionIndex, given, result });
    this.uses.handedOn.push(...given);
    if (returns) this.#end();
  }

  #indirect(opcode: number): void {
    const type = this.#facts.module.types[this.#reader.value];
    this.uses.callsIndirect = true;
    this.#pop();
    this.uses.handedOn.push(...this.#popMany(type?.params.length ?? 0));
    if (opcode === Op.CALL_INDIRECT) this.#pushFresh(type?.results.length ?? 0);
    else this.#end();
  }

  #control(): void {
    const { opcode, value } = this.#reader;
    switch (opcode) {
      case Op.BLOCK:
      case Op.LOOP:
      case Op.IF:
        this.#begin(opcode);
        return;
      case Op.ELSE:
        this.#else();
        return;
      case Op.END:
        this.#close();
        return;
      case Op.BR_IF:
        this.#pop();
        this.#branch(value);
        return;
      case Op.BR:
        this.#branch(value);
        this.#end();
        return;
      case Op.BR_TABLE:
        this.#pop();
        for (const depth of branchesOf(this.#reader)) this.#branch(depth);
        this.#end();
        return;
      case Op.RETURN:
        this.#branch(this.#frames.length - 1);
        this.#end();
        return;
      case Op.UNREACHABLE:
        this.#end();
        return;
      default:
        this.isUnsure = true;
    }
  }

  /** What follows is reached by no way from here. */
  #end(): void {
    this.#locals = undefined;
    this.#stack.length = Math.min(this.#stack.length, this.#frames.at(-1)?.height ?? 0);
  }

  #begin(opcode: number): void {
    if (opcode === Op.IF) this.#pop();
    const { params, results } = this.#blockType();
    const parameters = this.#popMany(params);
    const frame = this.#frame(results, parameters, opcode === Op.LOOP);
    this.#frames.push(frame);
    this.#stack.push(...parameters);
    if (opcode === Op.IF) frame.otherwise = this.#locals?.slice();
    if (opcode !== Op.LOOP) return;
    // What changes in a loop is at its start what it was before, or what it became.
    for (const local of this.#changed.get(this.#reader.startsAt) ?? []) {
      if (this.#locals !== undefined) this.#set(local, this.#fresh([this.#read(local)]));
    }
  }

  #blockType(): BlockArity {
    const arity = blockArityOf(this.#reader, this.#facts.module.types);
    if (arity === undefined) this.isUnsure = true;
    return arity ?? { params: 0, results: 0 };
  }

  #branch(depth: number): void {
    const frame = this.#frames.at(-1 - depth);
    if (frame !== undefined && !frame.isLoop) this.#arrive(frame);
  }

  /** Code comes to the end of a block from here, with its result on top of the stack. */
  #arrive({ incoming, outcomes }: FlowFrame): void {
    if (this.#locals === undefined) return;
    this.#meeting += this.#locals.length;
    if (this.#meeting > MOST_MEETING) this.isUnsure = true;
    incoming.push(this.#locals.slice());
    outcomes.push(this.#stack.at(-1) ?? NOTHING);
  }

  #else(): void {
    const frame = this.#frames.at(-1)!;
    this.#arrive(frame);
    this.#locals = frame.otherwise?.slice();
    frame.otherwise = undefined;
    this.#stack.length = frame.height;
    this.#stack.push(...frame.parameters);
  }

  #close(): void {
    const frame = this.#frames.pop()!;
    const { incoming, outcomes, otherwise, height, resultCount } = frame;
    this.#arrive(frame);
    if (otherwise !== undefined) incoming.push(otherwise);
    this.#stack.length = height;
    if (resultCount === 1) this.#stack.push(this.#merged(outcomes));
    else this.#pushFresh(resultCount);
    this.#locals = incoming.length === 0 ? undefined : this.#mergedLocals(incoming);
    if (this.#frames.length === 0 && this.#resultCount === 1) {
      for (const outcome of outcomes) this.uses.results.push(outcome);
    }
  }

  #mergedLocals(ways: readonly (readonly FlowValue[])[]): FlowValue[] {
    const count = ways.reduce((most, { length }) => Math.max(most, length), 0);
    const zero: FlowValue = { origin: CONSTANT, plus: 0 };
    return Array.from({ length: count }, (_, local) => this.#merged(ways.map((way) => way[local] ?? zero)));
  }

  #merged(values: readonly FlowValue[]): FlowValue {
    const [first = NOTHING, ...others] = values;
    return others.every(({ origin, plus }) => origin === first.origin && plus === first.plus)
      ? first
      : this.#fresh(values);
  }
}

const DATA_DROP = 9;
const MEMORY_COPY = 10;
const PUSHES_ONE: ReadonlySet<number> = /* @__PURE__ */ new Set([
  ...[Op.GLOBAL_GET, Op.F32_CONST, Op.F64_CONST, Op.MEMORY_SIZE],
]);

/** Whether an instruction says which one of two integers is larger. */
function isOrder(opcode: number): boolean {
  return (opcode >= ORDERS.FIRST && opcode <= ORDERS.LAST) || (opcode >= ORDERS.FIRST_I64 && opcode <= ORDERS.LAST_I64);
}
