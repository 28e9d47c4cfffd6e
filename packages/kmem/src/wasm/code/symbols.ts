import { Op } from "../binary/layout.ts";

/** A value that is followed: two of one number are the same, whatever they are. */
export interface Symbol32 {
  readonly id: number;
  /** What it is without the number that was added to it. */
  readonly origin: number;
  readonly plus: number;
  /** What it is, where that is known: a signed number of 32 bits. */
  readonly constant: number | undefined;
  /** Whether a block's header has a part in it. */
  readonly isOfHeader: boolean;
}

const CONSTANT_ORIGIN = -1;
/** A number that is made of a header and above this is larger than every size that there is. */
const HUGE = 0xffff_ff00;
const MOST_ADDED = 64;

const FOLDED: Readonly<Record<number, (one: number, other: number) => number>> = {
  [Op.I32_ADD]: (one, other) => one + other,
  [Op.I32_SUB]: (one, other) => one - other,
  [Op.I32_AND]: (one, other) => one & other,
  [Op.I32_OR]: (one, other) => one | other,
  [Op.I32_XOR]: (one, other) => one ^ other,
  [Op.I32_SHL]: (one, other) => one << other,
  [Op.I32_SHR_U]: (one, other) => one >>> other,
  [Op.I32_EQ]: (one, other) => Number(one === other),
  [Op.I32_NE]: (one, other) => Number(one !== other),
  [Op.I32_LT_U]: (one, other) => Number(one >>> 0 < other >>> 0),
  [Op.I32_GT_U]: (one, other) => Number(one >>> 0 > other >>> 0),
  [Op.I32_LE_U]: (one, other) => Number(one >>> 0 <= other >>> 0),
  [Op.I32_GE_U]: (one, other) => Number(one >>> 0 >= other >>> 0),
};
/** What these say of two numbers the first of which is the larger one. */
const OF_LARGER: Readonly<Record<number, boolean>> = {
  [Op.I32_LT_U]: false,
  [Op.I32_LE_U]: false,
  [Op.I32_GT_U]: true,
  [Op.I32_GE_U]: true,
};

/** Whether an instruction computes with a header as checks do, and never traps. */
export function isOfChecks(opcode: number): boolean {
  return opcode in FOLDED || opcode === Op.I32_EQZ;
}

/** Makes symbols, the same ones of the same parts. */
export class Symbols {
  readonly #known = new Map<string, Symbol32>();
  readonly #all: Symbol32[] = [];
  /** Sizes with bits set that they do not have, which is a sum. */
  readonly #sums = new Set<number>();

  constant(value: number, isOfHeader = false): Symbol32 {
    const constant = value | 0;
    return this.#make(`c${constant} ${isOfHeader}`, { isOfHeader, constant, origin: CONSTANT_ORIGIN, plus: constant });
  }

  /** What is the same wherever it has this name. */
  named(name: string, isOfHeader = false): Symbol32 {
    return this.#make(name, { isOfHeader });
  }

  /** What is like nothing else. */
  fresh(): Symbol32 {
    return this.named(`fresh ${this.#all.length}`);
  }

  /** What is chosen by a condition that is known. */
  chosen(symbol: Symbol32, condition: Symbol32): Symbol32 {
    if (!condition.isOfHeader || symbol.isOfHeader) return symbol;
    if (symbol.constant !== undefined) return this.constant(symbol.constant, true);
    return this.named(`chosen ${symbol.id}`, true);
  }

  /** What an instruction without effects makes of its operands. */
  result(opcode: number, operands: readonly Symbol32[]): Symbol32 {
    const isOfHeader = operands.some((operand) => operand.isOfHeader);
    const [one, other] = operands;
    if (opcode === Op.I32_EQZ && one !== undefined) return this.result(Op.I32_EQ, [one, this.constant(0)]);
    if (one !== undefined && other !== undefined && operands.length === 2) {
      const folded = this.#folded(opcode, one, other, isOfHeader);
      if (folded !== undefined) return folded;
    }
    const result = this.named(`${opcode} ${operands.map(({ id }) => id)}`, isOfHeader);
    if (opcode === Op.I32_OR && operands.every((operand) => this.#isSize(operand))) this.#sums.add(result.id);
    return result;
  }

  #folded(opcode: number, one: Symbol32, other: Symbol32, isOfHeader: boolean): Symbol32 | undefined {
    if (one.constant !== undefined && other.constant !== undefined) {
      const fold = FOLDED[opcode];
      return fold && this.constant(fold(one.constant, other.constant), isOfHeader);
    }
    if (opcode === Op.I32_ADD && other.constant !== undefined) return this.#moved(one, other.constant, isOfHeader);
    if (opcode === Op.I32_ADD && one.constant !== undefined) return this.#moved(other, one.constant, isOfHeader);
    if (opcode === Op.I32_SUB && other.constant !== undefined) return this.#moved(one, -other.constant, isOfHeader);
    const answer = OF_LARGER[opcode];
    if (answer === undefined) return undefined;
    if (isHuge(one) && this.#isSize(other)) return this.constant(Number(answer), true);
    return isHuge(other) && this.#isSize(one) ? this.constant(Number(!answer), true) : undefined;
  }

  /** Whether a header has no part in a number but in what was added to it: the few bytes that a chunk has besides. */
  #isSize({ origin, plus, constant }: Symbol32): boolean {
    if (plus < 0 || plus > MOST_ADDED) return false;
    return constant !== undefined || this.#all[origin]?.isOfHeader === false || this.#sums.has(origin);
  }

  #moved({ origin, plus }: Symbol32, by: number, isOfHeader: boolean): Symbol32 {
    const sum = (plus + by) | 0;
    const bare = this.#all[origin];
    if (sum === 0 && bare?.isOfHeader === isOfHeader) return bare;
    return this.#make(`+ ${origin} ${sum} ${isOfHeader}`, { isOfHeader, origin, plus: sum });
  }

  #make(key: string, made: Partial<Symbol32> & { readonly isOfHeader: boolean }): Symbol32 {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#all.length;
    const symbol: Symbol32 = { id, origin: id, plus: 0, constant: undefined, ...made };
    this.#all.push(symbol);
    this.#known.set(key, symbol);
    return symbol;
  }
}

function isHuge({ constant, isOfHeader }: Symbol32): boolean {
  return isOfHeader && constant !== undefined && constant >>> 0 >= HUGE;
}
