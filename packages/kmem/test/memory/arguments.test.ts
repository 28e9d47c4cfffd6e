import { describe, expect, it } from "vitest";
import { KmemError } from "../../src/index.ts";
import { type Checks, readList, readOptions, requireBoolean, requireCount } from "../../src/memory/arguments.ts";
import { hex } from "../../src/memory/errors.ts";

interface Options {
  readonly count?: number;
  readonly isFast?: boolean;
}

const CHECKS: Checks<Options> = { count: requireCount, isFast: requireBoolean };

function refusal(call: () => unknown): KmemError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(KmemError);
    return error as KmemError;
  }
  throw new Error("was taken");
}

const read = (options: unknown): Options => readOptions("options", options as Options, CHECKS);

describe("options", () => {
  it("are read once each, own or inherited, into an object of their own", () => {
    let reads = 0;
    const given = {
      get count() {
        return ++reads;
      },
    };
    expect(read(given)).toEqual({ count: 1 });
    expect(reads).toBe(1);
    expect(read(Object.create({ isFast: true }))).toEqual({ isFast: true });
    expect(read(undefined)).toEqual({});
    expect(read({ count: undefined })).toEqual({});
  });

  it.each([
    [null, "options is an object, not null"],
    [7, "options is an object, not 7"],
    ["all", 'options is an object, not "all"'],
    [[], "options is an object, not an object of Array class"],
    [{ cuont: 1 }, 'options: there is no "cuont", only count, isFast'],
    [{ count: -1 }, "count is a whole number from 0 to 9007199254740991, not -1"],
    [{ isFast: 1 }, "isFast is true or false, not 1"],
  ])("%j is none", (given, message) => {
    const error = refusal(() => read(given));
    expect([error.code, error.message]).toEqual(["BAD_ARGUMENT", message]);
  });

  it("that throw when they are read are BAD_ARGUMENT, with what they threw", () => {
    const cause = new Error("mine");
    const given = {
      get count(): number {
        throw cause;
      },
    };
    expect(refusal(() => read(given))).toMatchObject({ code: "BAD_ARGUMENT", details: { cause } });
  });
});

describe("lists", () => {
  it("are copied as they are, without their own iterators", () => {
    const list = Object.assign([1, 2], { [Symbol.iterator]: () => [].values() });
    expect(readList("list", list)).toEqual([1, 2]);
    expect(refusal(() => readList("list", { length: 2 })).code).toBe("BAD_ARGUMENT");
  });
});

describe("hex", () => {
  it("takes any value", () => {
    expect([4096, -1, 0.5, "x", 10n, Symbol("x"), null].map(hex)).toEqual([
      "0x1000",
      "-1",
      "0.5",
      "x",
      "10n",
      "a symbol",
      "null",
    ]);
  });
});
