// Every kind of syntax that the transform rewrites. The tests compare both forms with the original.

/** What functions work on: one managed array and one that is not. */
export interface Arrays {
  readonly shared: Int32Array;
  readonly plain: number[];
}

function double(value: number): number {
  return value * 2;
}

export class Cell {
  readonly #arrays: Arrays;
  #calls = 0;
  #visit: ((index: number) => number) | undefined = (index) => this.#at(index);

  constructor(arrays: Arrays) {
    this.#arrays = arrays;
  }

  get first(): number {
    return this.#arrays.shared[0];
  }

  get #last(): number {
    const { shared } = this.#arrays;
    return shared[shared.length - 1];
  }

  static of(arrays: Arrays): Cell {
    return new Cell(arrays);
  }

  last(): number {
    return this.#last;
  }

  #at(index: number): number {
    this.#calls++;
    return this.#arrays.shared[index];
  }

  /** Values at the even indexes. */
  *even(): Generator<number> {
    for (let index = 0; index < this.#arrays.shared.length; index += 2) yield this.#at(index);
  }

  sum(end: number = double(this.#arrays.shared.length) / 2): number {
    let sum = 0;
    for (let index = 0; index < end; index++) sum += this.#visit?.(index) ?? 0;
    return sum * 1000 + this.#calls;
  }
}

export function operators({ shared, plain }: Arrays): number[] {
  shared[1] += 5;
  shared[2] -= shared[1]++;
  const before = shared[3]--;
  const after = ++shared[3];
  shared[4] = shared[5] = before + after;
  plain[1] ??= 7;
  plain[0] ||= 8;
  plain[0] &&= shared[shared[6] & 3];
  return [...shared, ...plain, before, after];
}

export function wide({ shared }: Arrays): unknown[] {
  shared.fill(3, 1, 3);
  shared.copyWithin(2, 0, 4);
  shared.set([9, 8], 6);
  const found = [shared.indexOf(9), shared.indexOf(77), shared.includes(3), shared.includes(-5)];
  const tested = [shared.some((value) => value === 8), shared.every((value) => value > 0)];
  return [...found, ...tested, Array.from(shared.slice(2, 5)), Array.from(shared.subarray(1, 3), (value) => -value)];
}

export function callbacks({ shared, plain }: Arrays): unknown[] {
  const load = (index: number): number => shared[index];
  return [
    plain.map((value) => load(value & 3)),
    plain.filter((value) => load(value & 3) > 2),
    plain.reduce((sum, value) => sum + load(value & 7), 0),
    plain.some((value) => load(value & 7) === 4),
    plain.every((value) => load(value & 7) < 100),
    plain.find((value) => load(value & 7) === 2),
    plain.findIndex((value) => load(value & 7) === 3),
    plain.flatMap((value) => [value, load(value & 1)]),
    Array.from({ length: 3 }, (_, index) => load(index)),
  ];
}

export function control(arrays: Arrays): unknown[] {
  const cell = Cell.of(arrays);
  const seen: number[] = [];
  outer: for (const value of cell.even()) {
    for (const other of cell.even()) {
      if (other > value) continue outer;
      if (value > 5) break outer;
      seen.push(value * 10 + other);
    }
  }
  const { first } = cell;
  let caught = "";
  try {
    fail(arrays.shared[first & 7]);
  } catch (error) {
    caught = (error as Error).message;
  } finally {
    seen.push(arrays.shared[7]);
  }
  const nothing = undefined as Arrays | undefined;
  const chain = [nothing?.shared[0], nothing?.plain.map(double).length, arrays?.plain.at(-1), cell?.sum?.(2)];
  return [seen, first, caught, chain, [...cell.even()], Math.max(...cell.even()), cell.last(), cell.sum()];
}

function fail(value: number): never {
  throw new Error(`no ${value}`);
}
