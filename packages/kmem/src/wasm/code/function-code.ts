import { type Access, accessOf } from "../binary/accesses.ts";
import { ByteReader } from "../binary/bytes.ts";
import type { InstructionReader } from "../binary/instructions.ts";
import { EMPTY_BLOCK, IMMEDIATES, Immediate, Op } from "../binary/layout.ts";
import type { FunctionType } from "../binary/types.ts";
import type { CodeFacts } from "./code-facts.ts";

/** How many values a block of instructions takes from the stack, and how many it leaves there. */
export interface BlockArity {
  readonly params: number;
  readonly results: number;
}

/** A block of instructions, or all of a function. */
export interface Frame extends BlockArity {
  /** The opcode that begins it; a function is a block, too. */
  readonly opcode: number;
  /** Its first instruction, or -1; its end; and its else, or -1. */
  readonly begin: number;
  end: number;
  otherwise: number;
  readonly parent: Frame | undefined;
}

/** An instruction in its place. */
export interface Instruction {
  readonly opcode: number;
  readonly value: number;
  readonly at: number;
  readonly end: number;
  /** The frame that it begins, parts or ends; for all others that which it is in. */
  readonly frame: Frame;
  /** What it does with memory. */
  readonly access: Access | undefined;
  /** Of a branch, the frames that it goes to the start or the end of, each once; undefined for one that there is not. */
  readonly targets: readonly (Frame | undefined)[];
}

/** Instructions that leave or enter code by ways that are not followed: exceptions, and branches on references. */
const UNFOLLOWED: ReadonlySet<number> = /* @__PURE__ */ new Set([
  ...[0x06, 0x07, 0x08, 0x09, 0x0a, 0x18, 0x19, 0x1f],
  ...[0xd5, 0xd6],
]);
const GC_BRANCHES: ReadonlySet<number> = /* @__PURE__ */ new Set([24, 25]);
const RETURNS: ReadonlySet<number> = /* @__PURE__ */ new Set([
  ...[Op.UNREACHABLE, Op.RETURN, Op.RETURN_CALL, Op.RETURN_CALL_INDIRECT, Op.RETURN_CALL_REF],
]);

/** The arity of the block that an instruction begins; undefined where its type is none of the module's. */
export function blockArityOf(
  { bytes, immediateAt, at }: InstructionReader,
  types: readonly (FunctionType | undefined)[],
): BlockArity | undefined {
  const first = bytes[immediateAt]!;
  if (first === EMPTY_BLOCK) return { params: 0, results: 0 };
  // Types of values are negative numbers of one byte, or begin with one.
  if (first >= 0x40 && first < 0x80) return { params: 0, results: 1 };
  const type = types[new ByteReader(bytes, immediateAt, at).signed(33)];
  return type && { params: type.params.length, results: type.results.length };
}

/** How many frames the branches of a br_table leave, each number once. */
export function branchesOf({ bytes, immediateAt, at }: InstructionReader): Set<number> {
  const reader = new ByteReader(bytes, immediateAt, at);
  const depths = new Set<number>();
  for (let left = reader.count() + 1; left > 0; left--) depths.add(reader.u32());
  return depths;
}

/** The frames that an instruction may branch to, of those that it is in. */
function targetsOf(reader: InstructionReader, frames: readonly Frame[]): readonly (Frame | undefined)[] {
  const { opcode, value } = reader;
  if (opcode === Op.BR || opcode === Op.BR_IF) return [frames.at(-1 - value)];
  if (opcode !== Op.BR_TABLE) return NO_TARGETS;
  return Array.from(branchesOf(reader), (depth) => frames.at(-1 - depth));
}

/** The instructions of a function, and where each may go on; unsure where it is too long. O(bytes of code). */
export class FunctionCode {
  readonly instructions: Instruction[] = [];
  /** Whether it has ways that are not followed. */
  isUnsure = false;
  /** How many steps may still be made along its ways: what needs more is not known. */
  stepsLeft: number;

  constructor(facts: CodeFacts, functionIndex: number) {
    this.isUnsure = !facts.isShort(functionIndex, MOST_BODY_BYTES);
    if (!this.isUnsure) this.#read(facts, functionIndex);
    this.stepsLeft = LEAST_STEPS + STEPS_OF_INSTRUCTION * this.instructions.length;
  }

  #read(facts: CodeFacts, functionIndex: number): void {
    const reader = facts.readerOf(functionIndex);
    const results = facts.module.typeOf(functionIndex)?.results.length ?? 0;
    let frame: Frame | undefined = {
      ...{ opcode: Op.BLOCK, begin: -1, end: -1, otherwise: -1, parent: undefined },
      ...{ params: 0, results },
    };
    const frames = [frame];
    while (!reader.isDone && frame !== undefined) {
      reader.next();
      const { opcode, prefixed, value, startsAt, at } = reader;
      const index = this.instructions.length;
      if (UNFOLLOWED.has(opcode) || (opcode === Op.GC_PREFIX && GC_BRANCHES.has(prefixed))) this.isUnsure = true;
      if (IMMEDIATES[opcode] === Immediate.BLOCK) {
        const arity = blockArityOf(reader, facts.module.types);
        if (arity === undefined) this.isUnsure = true;
        frame = { opcode, begin: index, end: -1, otherwise: -1, parent: frame, params: 0, results: 0, ...arity };
        frames.push(frame);
      } else if (opcode === Op.ELSE) frame.otherwise = index;
      else if (opcode === Op.END) frame.end = index;
      const targets = targetsOf(reader, frames);
      const access = accessOf(reader);
      this.instructions.push({ opcode, value, at: startsAt, end: at, frame, access, targets });
      if (opcode !== Op.END) continue;
      frames.pop();
      frame = frame.parent;
    }
    if (frame !== undefined || !reader.isDone) this.isUnsure = true;
  }

  /** The instruction that begins at a byte of the module, or -1. O(log instructions). */
  indexAt(at: number): number {
    let [low, high] = [0, this.instructions.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.instructions[middle]!.at < at) low = middle + 1;
      else high = middle;
    }
    return this.instructions[low]?.at === at ? low : -1;
  }

  /** Whether another step may be made. */
  mayStep(): boolean {
    return this.stepsLeft-- > 0;
  }

  /** The instructions that may follow one. */
  following(index: number): number[] {
    const { opcode, frame, targets } = this.instructions[index]!;
    if (RETURNS.has(opcode)) return [];
    if (opcode === Op.ELSE) return [frame.end];
    const next = index + 1 < this.instructions.length ? [index + 1] : [];
    if (opcode === Op.IF) return [...next, frame.otherwise < 0 ? frame.end : frame.otherwise + 1];
    const entries = targets.map(entryOf);
    return opcode === Op.BR || opcode === Op.BR_TABLE ? entries : [...next, ...entries];
  }

  /** Whether, from an instruction on, no way leads to one that reads what a local holds now. */
  isDeadFrom(index: number, local: number): boolean {
    const seen = new Set<number>();
    const waiting = [index];
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      if (seen.has(one)) continue;
      seen.add(one);
      const instruction = this.instructions[one];
      if (instruction === undefined || !this.mayStep()) return false;
      const { opcode, value } = instruction;
      if (opcode === Op.LOCAL_GET && value === local) return false;
      const isOverwritten = (opcode === Op.LOCAL_SET || opcode === Op.LOCAL_TEE) && value === local;
      if (isOverwritten) continue;
      for (const next of this.following(one)) {
        if (!this.mayStep()) return false;
        waiting.push(next);
      }
    }
    return true;
  }

  /** Whether no way leads from the start to an end: the function traps, or calls what does not return. */
  neverReturns(): boolean {
    const seen = new Set<number>();
    const waiting = [0];
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      if (seen.has(one)) continue;
      seen.add(one);
      const instruction = this.instructions[one];
      if (this.isUnsure || instruction === undefined || !this.mayStep()) return false;
      const { opcode, frame } = instruction;
      if (opcode === Op.END && frame.parent === undefined) return false;
      if (RETURNS.has(opcode) && opcode !== Op.UNREACHABLE) return false;
      for (const next of this.following(one)) {
        if (!this.mayStep()) return false;
        waiting.push(next);
      }
    }
    return true;
  }

  /** Whether code runs from an instruction straight into one that traps: it comes from a call that does not return. */
  trapsFrom(index: number): boolean {
    for (let at = index, left = MOST_BEFORE_TRAP; left > 0; left--) {
      const instruction = this.instructions[at];
      if (instruction === undefined || !this.mayStep()) return false;
      if (instruction.opcode === Op.UNREACHABLE) return true;
      const following = this.following(at);
      if (following.length !== 1 || following[0]! <= at) return false;
      at = following[0]!;
    }
    return false;
  }
}

/** Where a branch to a frame goes on. */
function entryOf(frame: Frame | undefined): number {
  if (frame === undefined) return -1;
  return frame.opcode === Op.LOOP ? frame.begin : frame.end;
}

const NO_TARGETS: readonly Frame[] = [];
/** Of functions that are longer, nothing is known: each instruction takes memory. */
const MOST_BODY_BYTES = 0x4_0000;
const LEAST_STEPS = 4096;
const STEPS_OF_INSTRUCTION = 64;
const MOST_BEFORE_TRAP = 64;
