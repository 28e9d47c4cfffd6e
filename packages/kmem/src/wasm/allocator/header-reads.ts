import type { InstructionReader } from "../binary/instructions.ts";
import { IMMEDIATES, Immediate, Op } from "../binary/layout.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { isHelper } from "./helpers.ts";

/** Where the words of an allocator lie that it keeps before its blocks: no farther before the block than this. */
const HEADER_REACH_BYTES = 16;

/** What a value is made from: nothing that is known, a constant, a block, what a local held, or a header's word. */
const Base = { UNKNOWN: 0, CONSTANT: 1, BLOCK: 2, HEADER: 3, FIRST_LOCAL: 4 } as const;

interface Value {
  readonly base: number;
  /** Bytes that were added; of a constant the number, of a header's word which read it was. */
  readonly offset: number;
}

/** Bases of values that locals got of which nothing is known; a function has fewer locals. */
const FIRST_FRESH_BASE = 0x1_0000;

const NONE: ReadonlySet<number> = /* @__PURE__ */ new Set();
const UNKNOWN: Value = { base: Base.UNKNOWN, offset: 0 };

/** A load of a word that lies before a block, or before where a local points. */
export interface HeaderRead {
  /** The bytes of the load. */
  readonly at: number;
  readonly end: number;
  /** Whether what it loads from was returned by one of the functions that return blocks; else it is a local. */
  readonly isOfBlock: boolean;
  /** The local that the function has not changed, which may be an argument; -1 for any other value. */
  readonly local: number;
  /** Bytes from where the value points to what is loaded: less than 0. */
  readonly offset: number;
  /** The constants that the word was masked with. */
  readonly masks: number[];
  /** Whether the mask follows at once, and the word is used for nothing else. */
  isMaskedAtOnce: boolean;
  /** Whether a helper loads it, which others may call too. */
  readonly isOfHelper: boolean;
}

/** What a local held before. */
interface Change {
  readonly local: number;
  readonly before: Value | undefined;
}

/** Of blocks that are nested deeper, and of locals above this, less is known. */
const MOST_NESTED = 200;
const MOST_LOCALS = 4096;

/** What controls the flow ends or begins a block of instructions. */
const FIRST_BINARY = 0x46;
const LAST_COMPARISON = 0x66;
const LAST_BINARY_I32 = 0x78;
const FIRST_BINARY_I64 = 0x7c;
const LAST_BINARY_I64 = 0x8a;

/** Follows the values of one function, in the order of its instructions, as far as headers need it. */
class Follower {
  readonly reads: HeaderRead[] = [];
  readonly #facts: CodeFacts;
  readonly #blockSources: ReadonlySet<number>;
  readonly #replaced: ReadonlySet<number>;
  readonly #stack: Value[] = [];
  readonly #locals = new Map<number, Value>();
  /** By base, the locals that hold a value made from it. */
  readonly #holders = new Map<number, Set<number>>();
  /** What locals held before they changed, and where blocks of instructions began in this list. */
  readonly #changes: Change[] = [];
  readonly #blocks: number[] = [];
  #constantAt = 0;
  #constantEnd = 0;
  #freshBase = FIRST_FRESH_BASE;
  /** The locals of the helper that it is in. */
  #helperLocals: Value[] | undefined;

  constructor(facts: CodeFacts, blockSources: ReadonlySet<number>, replaced: ReadonlySet<number>) {
    this.#facts = facts;
    this.#replaced = replaced;
    this.#blockSources = blockSources;
  }

  follow(reader: InstructionReader): HeaderRead[] {
    while (!reader.isDone) {
      reader.next();
      this.#step(reader);
    }
    return this.reads;
  }

  #pop(): Value {
    return this.#stack.pop() ?? UNKNOWN;
  }

  #push(base: number, offset: number): void {
    this.#stack.push({ base, offset });
  }

  #step(reader: InstructionReader): void {
    const { opcode, value } = reader;
    switch (opcode) {
      case Op.I32_CONST:
      case Op.I64_CONST:
        this.#constantAt = reader.startsAt;
        this.#constantEnd = reader.at;
        this.#push(Base.CONSTANT, value);
        return;
      case Op.LOCAL_GET:
        this.#stack.push(this.#get(value));
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
        this.#call(value);
        return;
      case Op.GLOBAL_GET:
        this.#push(Base.UNKNOWN, 0);
        return;
      case Op.DROP:
        this.#pop();
        return;
      case Op.SELECT:
        this.#select();
        return;
      default:
        if (IMMEDIATES[opcode] === Immediate.MEMORY_OPERAND) this.#memory(reader);
        else this.#operate(opcode, reader.startsAt);
    }
  }

  #get(local: number): Value {
    if (this.#helperLocals !== undefined) return this.#helperLocals[local] ?? { base: Base.CONSTANT, offset: 0 };
    return this.#locals.get(local) ?? { base: Base.FIRST_LOCAL + local, offset: 0 };
  }

  /** What was made from the local before is no longer what it holds: nothing is known of it then. */
  #set(local: number, held: Value): void {
    if (local >= MOST_LOCALS) return;
    if (this.#helperLocals !== undefined) {
      this.#helperLocals[local] = held;
      return;
    }
    const own = Base.FIRST_LOCAL + local;
    for (const other of this.#holders.get(own) ?? []) this.#put(other, this.#unknown());
    this.#holders.delete(own);
    const before = this.#locals.get(local);
    // A pointer that walks through its block: how far it is, no constant says.
    const isWalking = before?.base === Base.BLOCK && held.base === Base.BLOCK && before.offset !== held.offset;
    const isKnown = held.base !== Base.UNKNOWN && held.base !== own && !isWalking;
    this.#put(local, isKnown ? held : this.#unknown());
  }

  #unknown(): Value {
    return { base: this.#freshBase++, offset: 0 };
  }

  #put(local: number, held: Value): void {
    this.#changes.push({ local, before: this.#locals.get(local) });
    this.#locals.set(local, held);
    if (held.base < Base.FIRST_LOCAL || held.base >= FIRST_FRESH_BASE) return;
    const holders = this.#holders.get(held.base) ?? new Set();
    this.#holders.set(held.base, holders.add(local));
  }

  #select(): void {
    this.#pop();
    const other = this.#pop();
    const one = this.#pop();
    this.#stack.push(one.base === Base.BLOCK ? one : other);
  }

  #call(target: number): void {
    const type = this.#facts.module.typeOf(target);
    const given = Array.from({ length: type?.params.length ?? 0 }, () => this.#pop()).toReversed();
    const isReplaced = this.#blockSources.has(target) || this.#replaced.has(target);
    if (!isReplaced && isHelper(this.#facts, target)) {
      this.#help(target, given);
      return;
    }
    for (let left = type?.results.length ?? 0; left > 0; left--) {
      this.#push(this.#blockSources.has(target) ? Base.BLOCK : Base.UNKNOWN, 0);
    }
  }

  /** What a helper does is done in its place. */
  #help(helper: number, given: Value[]): void {
    const outer = this.#helperLocals;
    this.#helperLocals = given;
    const height = this.#stack.length;
    const reader = this.#facts.readerOf(helper);
    for (reader.next(); reader.opcode !== Op.END && !reader.isDone; reader.next()) this.#step(reader);
    const result = this.#stack.length > height ? this.#pop() : UNKNOWN;
    this.#stack.length = Math.min(this.#stack.length, height);
    this.#stack.push(result);
    this.#helperLocals = outer;
  }

  #memory({ opcode, value, startsAt, at }: InstructionReader): void {
    if (opcode >= Op.FIRST_STORE) {
      this.#pop();
      this.#pop();
      return;
    }
    const { base, offset } = this.#pop();
    const from = offset + value;
    const isBefore = (base === Base.BLOCK || base >= Base.FIRST_LOCAL) && from < 0 && from >= -HEADER_REACH_BYTES;
    if (!isBefore) {
      this.#push(Base.UNKNOWN, 0);
      return;
    }
    const isOfBlock = base === Base.BLOCK;
    const local = isOfBlock || base >= FIRST_FRESH_BASE ? -1 : base - Base.FIRST_LOCAL;
    const read: HeaderRead = {
      at: startsAt,
      end: at,
      isOfBlock,
      local,
      offset: from,
      masks: [],
      isMaskedAtOnce: false,
      isOfHelper: this.#helperLocals !== undefined,
    };
    this.#push(Base.HEADER, this.reads.push(read) - 1);
  }

  #operate(opcode: number, at: number): void {
    const isBinary =
      (opcode >= FIRST_BINARY && opcode <= LAST_COMPARISON && opcode !== 0x50) ||
      (opcode >= Op.I32_ADD && opcode <= LAST_BINARY_I32) ||
      (opcode >= FIRST_BINARY_I64 && opcode <= LAST_BINARY_I64);
    if (isBinary) {
      this.#binary(opcode, at);
      return;
    }
    if (opcode >= Op.I32_EQZ && opcode <= 0xc4) {
      this.#pop();
      this.#push(Base.UNKNOWN, 0);
      return;
    }
    this.#stack.length = 0;
    if (opcode >= Op.BLOCK && opcode <= Op.IF) this.#blocks.push(this.#changes.length);
    else if (opcode === Op.ELSE) this.#merge(this.#blocks.at(-1), true);
    else if (opcode === Op.END) this.#merge(this.#blocks.pop(), false);
  }

  /**
   * After a block of instructions a local may hold what it had before it: a block, if it was one on either way. In an
   * else it holds what it had before, unless it has got a block.
   */
  #merge(from: number | undefined, isElse: boolean): void {
    if (from === undefined || this.#blocks.length > MOST_NESTED) return;
    const firsts = new Map<number, Value | undefined>();
    for (const { local, before } of this.#changes.slice(from)) if (!firsts.has(local)) firsts.set(local, before);
    this.#changes.length = from;
    for (const [local, before] of firsts) this.#changes.push({ local, before });
    for (const [local, before] of firsts) {
      const isBlock = this.#locals.get(local)?.base === Base.BLOCK;
      if (isElse ? !isBlock : before?.base === Base.BLOCK) this.#restore(local, before);
    }
  }

  #restore(local: number, held: Value | undefined): void {
    if (held === undefined) this.#locals.delete(local);
    else this.#locals.set(local, held);
  }

  #binary(opcode: number, at: number): void {
    const second = this.#pop();
    const first = this.#pop();
    if (
      (opcode === Op.I32_ADD || opcode === Op.I64_ADD) &&
      first.base === Base.CONSTANT &&
      second.base !== Base.HEADER
    ) {
      this.#push(second.base, second.offset + first.offset);
      return;
    }
    if (second.base !== Base.CONSTANT) {
      this.#push(Base.UNKNOWN, 0);
      return;
    }
    if (opcode === Op.I32_AND || opcode === Op.I64_AND) {
      this.#mask(first, second.offset, at);
      return;
    }
    if (first.base === Base.HEADER) {
      this.#push(Base.UNKNOWN, 0);
      return;
    }
    if (opcode === Op.I32_ADD || opcode === Op.I64_ADD) {
      this.#push(first.base, first.offset + second.offset);
      return;
    }
    if (opcode === Op.I32_SUB || opcode === Op.I64_SUB) {
      this.#push(first.base, first.offset - second.offset);
      return;
    }
    this.#push(Base.UNKNOWN, 0);
  }

  #mask({ base, offset }: Value, mask: number, at: number): void {
    const read = base === Base.HEADER ? this.reads[offset] : undefined;
    if (read !== undefined) {
      read.isMaskedAtOnce = this.#constantAt === read.end && this.#constantEnd === at;
      read.masks.push(mask);
    }
    this.#push(Base.UNKNOWN, 0);
  }
}

/**
 * The loads of a function from before blocks that it got of `blockSources`, and from before where its locals point;
 * `replaced`: functions that do no more what they do. O(instructions).
 */
export function headerReadsOf(
  facts: CodeFacts,
  functionIndex: number,
  blockSources: ReadonlySet<number>,
  replaced: ReadonlySet<number> = NONE,
): HeaderRead[] {
  return new Follower(facts, blockSources, replaced).follow(facts.readerOf(functionIndex));
}
