import { type Access, accessOf } from "../binary/accesses.ts";
import { CodeWriter } from "../binary/code-writer.ts";
import { InstructionReader } from "../binary/instructions.ts";
import { Op, Type } from "../binary/layout.ts";
import type { WasmModule } from "../binary/module.ts";
import { isJoin, type KnownValue, OperandStack } from "../code/operand-stack.ts";
import type { CheckFunctions, CheckLayout } from "./check-plan.ts";
import { CheckHeader, GRANULE_BYTES, GRANULE_SHIFT, RangeKind, RING_MASK, SITE_BYTES } from "./layout.ts";

/** What is found out about the calls of all functions while they are instrumented. */
export interface CallFacts {
  /** Functions whose references the code makes. */
  readonly references: Set<number>;
  /** Whether a function is called through a table or a reference in place of its caller. */
  hasIndirectTailCalls: boolean;
}

/** What all functions of a module are instrumented with. */
export interface BodyPlan {
  readonly module: WasmModule;
  readonly layout: CheckLayout;
  readonly functions: CheckFunctions;
  /** The global that is the stack pointer, or -1. */
  readonly stackPointer: number;
  /** Functions that copy bytes whatever they are. */
  readonly copiers: ReadonlySet<number>;
  /** The byte of the module that the program came with which a byte of this one was. */
  readonly originOf: (offset: number) => number;
  readonly calls: CallFacts;
}

/** Stretches of a new body, one after another: where each begins, and the byte of the old module that it is from. */
export interface BodyParts {
  readonly starts: number[];
  /** Of what was added before a byte of the old module, -1 less that byte. */
  readonly origins: number[];
}

export interface InstrumentedBody {
  readonly bytes: Uint8Array;
  readonly parts: BodyParts;
  /** Where the branches stand that are hardly ever taken, counted from the first byte. */
  readonly unlikely: readonly number[];
}

/** What was checked of a local in a straight stretch of code. */
interface Checked {
  readonly from: number;
  readonly to: number;
  readonly isStore: boolean;
}

const FIRST_CALL = 0x10;
const LAST_CALL = 0x15;
/** return_call_indirect and return_call_ref */
const INDIRECT_TAIL_CALLS: readonly number[] = [0x13, 0x15];
const MEMORY_INIT = 8;
const MEMORY_COPY = 10;
const MEMORY_FILL = 11;
const VECTOR_BYTES = 16;
/** Places of the locals that are added: values have the first ones. */
const ADDRESS_PLACE = 2;
const FRAME_PLACE = 3;
const EXTRA_PLACES = 4;
const RANGE_KINDS: ReadonlyMap<number, number> = new Map([
  [MEMORY_COPY, RangeKind.COPY],
  [MEMORY_FILL, RangeKind.FILL],
  [MEMORY_INIT, RangeKind.INIT],
]);

/** What a first look at a body tells. */
interface BodyFacts {
  readonly hasCalls: boolean;
  readonly stackLocals: ReadonlySet<number>;
}

/** Puts looks at the shadow before the loads and stores of a function, and notes its calls in the ring. */
export class BodyInstrumenter {
  readonly #plan: BodyPlan;
  readonly #reader: InstructionReader;
  readonly #out: CodeWriter;
  readonly #parts: BodyParts = { starts: [], origins: [] };
  readonly #unlikely: number[] = [];
  /** Locals that are added, by their types; `extra` is the first of them. */
  readonly #extras: number[] = [];
  readonly #extraKeys = new Map<number, number>();
  readonly #parameterCount: number;
  #firstExtra: number;
  readonly #mayCopy: boolean;
  #hasCalls = false;
  #frame = -1;
  #operands: OperandStack;
  #checked = new Map<number, Checked[]>();
  readonly #end: number;
  #copied: number;

  constructor(plan: BodyPlan, defined: number) {
    this.#plan = plan;
    const { module } = plan;
    const start = module.bodyStarts[defined]!;
    this.#end = module.bodyEnds[defined]!;
    this.#copied = start;
    this.#reader = new InstructionReader(module.bytes, start, this.#end);
    this.#out = new CodeWriter(module.memories[0]?.is64 === true, 2 * (this.#end - start));
    this.#operands = new OperandStack(module, plan.stackPointer);
    const functionIndex = defined + module.importedFunctionCount;
    this.#parameterCount = module.typeOf(functionIndex)?.params.length ?? 0;
    this.#firstExtra = this.#parameterCount;
    this.#mayCopy = plan.copiers.has(functionIndex);
  }

  instrument(): InstrumentedBody {
    const reader = this.#reader;
    const localsAt = reader.at;
    for (let groups = reader.count(2); groups > 0; groups--) {
      this.#firstExtra += reader.u32();
      reader.valueType();
    }
    const codeAt = reader.at;
    const { hasCalls, stackLocals } = this.#look(codeAt);
    this.#hasCalls = hasCalls;
    this.#operands = new OperandStack(this.#plan.module, this.#plan.stackPointer, stackLocals);
    this.#copied = codeAt;
    if (hasCalls) this.#enter(codeAt);
    reader.at = codeAt;
    while (reader.at < this.#end) this.#instruction();
    this.#copyTo(this.#end);
    return this.#withLocals(localsAt, codeAt);
  }

  /** Finds what the function calls and which locals are places in its frame, before anything is written. */
  #look(codeAt: number): BodyFacts {
    const reader = this.#reader;
    const operands = this.#operands;
    const isOfStack = new Map<number, boolean>();
    let hasCalls = false;
    reader.at = codeAt;
    while (reader.at < this.#end) {
      reader.next();
      const { opcode, value } = reader;
      if (isCall(opcode)) hasCalls = true;
      if (opcode === Op.REF_FUNC) this.#plan.calls.references.add(value);
      if (INDIRECT_TAIL_CALLS.includes(opcode)) this.#plan.calls.hasIndirectTailCalls = true;
      if (opcode === Op.LOCAL_SET || opcode === Op.LOCAL_TEE) {
        isOfStack.set(value, operands.at(0)?.from === "stack" && isOfStack.get(value) !== false);
      }
      operands.step(reader);
    }
    const isParameter = (local: number): boolean => local < this.#parameterCount;
    const stackLocals = [...isOfStack].filter(([local, is]) => is && !isParameter(local)).map(([local]) => local);
    return { hasCalls, stackLocals: new Set(stackLocals) };
  }

  #instruction(): void {
    const reader = this.#reader;
    reader.next();
    const { opcode, value } = reader;
    if (isJoin(reader)) this.#checked.clear();
    const { hasShadow } = this.#plan.layout;
    const found = hasShadow ? accessOf(reader) : undefined;
    if (found !== undefined) this.#access(found);
    else if (isCall(opcode)) {
      this.#add();
      this.#noteCall();
      this.#checked.clear();
    } else if (hasShadow && opcode === Op.MISC_PREFIX && reader.prefixed >= MEMORY_INIT) this.#range();
    this.#operands.step(reader);
    if (opcode === Op.LOCAL_SET || opcode === Op.LOCAL_TEE) this.#checked.delete(value);
  }

  #site(): number {
    return this.#plan.originOf(this.#reader.startsAt);
  }

  /** Where the next call is noted is kept in a local: what is called moves it. */
  #enter(codeAt: number): void {
    this.#frame = this.#extra(Type.I32, FRAME_PLACE);
    this.#part(-1 - codeAt);
    this.#out
      .address(0)
      .loadWord(this.#plan.layout.headerAt + CheckHeader.NEXT)
      .i32(RING_MASK)
      .op(Op.I32_AND);
    this.#out.set(this.#frame);
  }

  #noteCall(): void {
    const { ringAt, headerAt } = this.#plan.layout;
    this.#out.get(this.#frame).asAddress().i32(this.#site()).storeWord(ringAt);
    this.#out.address(0).get(this.#frame).i32(SITE_BYTES).op(Op.I32_ADD);
    this.#out.storeWord(headerAt + CheckHeader.NEXT);
  }

  /** The place in the ring where a call from here would be noted. */
  #getFrame(): void {
    if (this.#hasCalls) this.#out.get(this.#frame);
    else this.#out.address(0).loadWord(this.#plan.layout.headerAt + CheckHeader.NEXT);
  }

  #access(access: Access): void {
    const offset = this.#reader.value;
    const base = this.#operands.at(access.operands.length);
    if (this.#isUnwatched(base, offset, access.sizeBytes) || this.#isChecked(base, offset, access)) return;
    this.#add();
    const values = access.operands.map((type, index) => this.#extra(type, index));
    const address = this.#extra(this.#out.word, ADDRESS_PLACE);
    for (const value of values.toReversed()) this.#out.set(value);
    this.#out.tee(address);
    this.#cells(access, address, offset);
    this.#unlikely.push(this.#out.length);
    this.#out.ifPlain().get(address).plus(offset).asI32().i32(this.#site());
    this.#getFrame();
    const kind = access.isStore ? "store" : this.#mayCopy ? "copy" : "load";
    this.#out.call(this.#plan.functions.checkerOf(access.sizeBytes, kind)).end();
    this.#out.get(address);
    for (const value of values) this.#out.get(value);
  }

  /** The cells of the bytes from the address on the stack and an offset on: 0 where all of them may be used. */
  #cells({ sizeBytes }: Access, address: number, offset: number): void {
    const { cellShift } = this.#plan.layout;
    const cellBytes = 1 << cellShift;
    const isAligned = 2 ** this.#reader.alignment >= Math.min(sizeBytes, GRANULE_BYTES);
    this.#cell(offset, sizeBytes === VECTOR_BYTES ? 2 * cellBytes : cellBytes);
    if (isAligned) return;
    this.#out.get(address);
    this.#cell(offset + sizeBytes - 1, cellBytes);
    this.#out.op(Op.I32_OR);
  }

  #cell(offset: number, bytes: number): void {
    const { shadowAt, cellShift } = this.#plan.layout;
    const whole = Math.floor(offset / GRANULE_BYTES);
    this.#out
      .plus(offset % GRANULE_BYTES)
      .shiftedRight(GRANULE_SHIFT)
      .shiftedLeft(cellShift);
    this.#out.load(bytes, shadowAt + (whole << cellShift));
  }

  /** Whether an address is certainly in static data or in the function's own frame. */
  #isUnwatched(base: KnownValue | undefined, offset: number, sizeBytes: number): boolean {
    if (base?.from === "stack") return true;
    if (base?.from !== "constant") return false;
    const address = base.plus + offset;
    return base.plus >= 0 && address + sizeBytes <= this.#plan.layout.staticEnd;
  }

  /** Whether the same bytes were checked before in this stretch of code; if not, they are from now on. */
  #isChecked(base: KnownValue | undefined, offset: number, { sizeBytes, isStore }: Access): boolean {
    if (base === undefined || !this.#operands.isCurrent(base)) return false;
    const from = base.plus + offset;
    const to = from + sizeBytes;
    const known = this.#checked.get(base.local) ?? [];
    const findsUndefined = this.#plan.layout.cellShift > 0;
    const isKnown = known.some((one) => {
      // A load may be let through that begins in a block and ends after it, and a store makes bytes defined. Of what a
      // load has read one byte that was written is enough: fewer of the bytes may have none.
      const isSameLoad = one.from === from && (!findsUndefined || one.to === to);
      const isStrict = one.isStore || (isStore ? !findsUndefined && one.to - one.from === 1 : isSameLoad);
      return isStrict && one.from <= from && one.to >= to;
    });
    if (!isKnown) this.#checked.set(base.local, [...known, { from, to, isStore }]);
    return isKnown;
  }

  /** memory.copy, memory.fill and memory.init have three operands: where to, what from, and how many bytes. */
  #range(): void {
    const kind = RANGE_KINDS.get(this.#reader.prefixed);
    if (kind === undefined) return;
    this.#add();
    const { word } = this.#out;
    const source = kind === RangeKind.COPY ? word : Type.I32;
    const count = kind === RangeKind.INIT ? Type.I32 : word;
    const to = this.#extra(word, ADDRESS_PLACE);
    const from = this.#extra(source, 0);
    const bytes = this.#extra(count, 1);
    this.#out.set(bytes).set(from).set(to);
    this.#out.get(to).asI32().get(from);
    if (source === word) this.#out.asI32();
    this.#out.get(bytes);
    if (count === word) this.#out.asI32();
    this.#out.i32(kind).i32(this.#site());
    this.#getFrame();
    this.#out.call(this.#plan.functions.range).get(to).get(from).get(bytes);
  }

  /** A local for a value of a type; those that are in use at a time have different places. */
  #extra(type: number, place: number): number {
    const key = type * EXTRA_PLACES + place;
    const known = this.#extraKeys.get(key);
    if (known !== undefined) return known;
    const local = this.#firstExtra + this.#extras.push(type) - 1;
    this.#extraKeys.set(key, local);
    return local;
  }

  /** What is written from now on stands before the instruction that was read. */
  #add(): void {
    const { startsAt } = this.#reader;
    this.#copyTo(startsAt);
    this.#part(-1 - startsAt);
  }

  #part(origin: number): void {
    this.#parts.starts.push(this.#out.length);
    this.#parts.origins.push(origin);
  }

  #copyTo(to: number): void {
    if (this.#copied === to) return;
    this.#part(this.#copied);
    this.#out.put(this.#plan.module.bytes.subarray(this.#copied, to));
    this.#copied = to;
  }

  /** The whole body: its locals with those that were added, and its code. */
  #withLocals(localsAt: number, codeAt: number): InstrumentedBody {
    const { bytes: old } = this.#plan.module;
    const reader = new InstructionReader(old, localsAt, codeAt);
    const groupCount = reader.u32();
    const writer = new CodeWriter(this.#out.is64, this.#out.length + codeAt - localsAt + 2 * this.#extras.length + 5);
    writer.u32(groupCount + this.#extras.length);
    const headBytes = writer.length;
    writer.put(old.subarray(reader.at, codeAt));
    for (const type of this.#extras) writer.byte(1, type);
    const shift = writer.length;
    writer.put(this.#out.written);
    const parts = { starts: [0, headBytes], origins: [-1 - localsAt, reader.at] };
    for (const start of this.#parts.starts) parts.starts.push(start + shift);
    for (const origin of this.#parts.origins) parts.origins.push(origin);
    const unlikely = this.#unlikely.map((at) => at + shift);
    return { bytes: writer.written, parts, unlikely };
  }
}

function isCall(opcode: number): boolean {
  return opcode >= FIRST_CALL && opcode <= LAST_CALL;
}
