import { describeValue } from "./describe-value.ts";
import { KmemError } from "./errors.ts";

export { describeValue } from "./describe-value.ts";

/** The error for an argument that is not what `rule` says it is. */
export function badArgument(name: string, rule: string, value: unknown): KmemError {
  return new KmemError("BAD_ARGUMENT", `${name} is ${rule}, not ${describeValue(value)}`, { [name]: value });
}

/** Whether a value of any type is a whole number of 32 bits, as sizes and addresses are. It converts nothing. */
export function isUint32(value: unknown): value is number {
  return typeof value === "number" && value >>> 0 === value;
}

/** Whether a value of any type is a power of two from `least` on. It converts nothing. */
export function isPowerOfTwoFrom(value: unknown, least: number): value is number {
  if (typeof value !== "number" || !(value >= least)) return false;
  return value >>> 0 === value ? value > 0 && (value & (value - 1)) === 0 : Number.isInteger(Math.log2(value));
}

/**
 * What to do with a negative number that WebAssembly may have given, as it gives addresses and sizes from 2^31 on: the
 * end of a message, empty for all other values. `name` says what the value is.
 */
export function signedHint(name: string, value: unknown): string {
  if (typeof value !== "number" || !(value < 0) || (value | 0) !== value) return "";
  return ` (WebAssembly gives an i32 from 2^31 on as a negative number: pass ${name} >>> 0)`;
}

/** Throws BAD_ARGUMENT unless `value` is a whole number from `least` to `most`. `name` says which argument it is. */
export function requireWhole(name: string, value: unknown, least: number, most: number): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw badArgument(name, `a whole number from ${least} to ${most}`, value);
}

/** Throws BAD_ARGUMENT unless `value` is a function or undefined. */
export function requireOptionalFunction(name: string, value: unknown): void {
  if (value !== undefined) requireFunction(name, value);
}

/** Throws BAD_ARGUMENT unless `value` is a function. */
export function requireFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw badArgument(name, "a function", value);
}

/** Verifies a value that is not undefined; throws BAD_ARGUMENT. */
export type Check = (name: string, value: unknown) => void;

/** For what is verified elsewhere, because the code or the words of its error are other ones. */
export const anyValue: Check = () => {};

export const requireBoolean: Check = (name, value) => {
  if (typeof value !== "boolean") throw badArgument(name, "true or false", value);
};

export const requireText: Check = (name, value) => {
  if (typeof value !== "string") throw badArgument(name, "a text", value);
};

/** A whole number from 0. */
export const requireCount: Check = (name, value) => requireWhole(name, value, 0, Number.MAX_SAFE_INTEGER);

/** A whole number from -2^31 to 2^31 - 1. */
export const requireInt32: Check = (name, value) => requireWhole(name, value, -0x8000_0000, 0x7fff_ffff);

/** A whole number from 0 to 2^32 - 1. */
export const requireUint32: Check = (name, value) => requireWhole(name, value, 0, 0xffff_ffff);

/** A number from 0, also Infinity. */
export const requireAmount: Check = (name, value) => {
  if (!(typeof value === "number" && value >= 0)) throw badArgument(name, "a number from 0", value);
};

/** The checks of an object with options, one for each that there is. */
export type Checks<Options> = { readonly [Name in keyof Options]-?: Check };

/**
 * Reads every option once, and returns them as a plain object of their own: what runs later cannot meet other values,
 * nor a getter of the caller's. Throws BAD_ARGUMENT for what is no object, for options that there are not, for values
 * that are none, and for objects that cannot be read. `name` says which argument it is.
 */
export function readOptions<Options extends object>(
  name: string,
  options: Options | undefined,
  checks: Checks<Options>,
): Options {
  const read: Record<string, unknown> = {};
  if (options === undefined) return read as Options;
  if (typeof options !== "object" || options === null) throw badArgument(name, "an object", options);
  return reading(name, options, () => {
    if (Array.isArray(options)) throw badArgument(name, "an object", options);
    for (const key of Object.keys(options)) {
      if (!Object.hasOwn(checks, key)) throw unknownOption(name, key, Object.keys(checks));
    }
    // Without a list of the names: kernel calls read options, too.
    for (const key in checks) {
      const value = (options as Record<string, unknown>)[key];
      if (value === undefined || !Object.hasOwn(checks, key)) continue;
      checks[key](key, value);
      read[key] = value;
    }
    return read as Options;
  });
}

/**
 * Reads every field once, as {@link readOptions} does, of an object that has them all and may have others. Throws
 * BAD_ARGUMENT.
 */
export function readFields<Fields extends object>(name: string, fields: Fields, checks: Checks<Fields>): Fields {
  requireObject(name, fields);
  return reading(name, fields, () => {
    const read: Record<string, unknown> = {};
    for (const [key, check] of Object.entries<Check>(checks)) {
      read[key] = (fields as Record<string, unknown>)[key];
      check(key, read[key]);
    }
    return read as Fields;
  });
}

function unknownOption(name: string, key: string, known: readonly string[]): KmemError {
  return new KmemError("BAD_ARGUMENT", `${name}: there is no ${describeValue(key)}, only ${known.join(", ")}`, { key });
}

/**
 * Does what reads an argument of several parts, and writes nothing. Whatever that throws, because the argument is not
 * what it should be or runs code that throws, becomes BAD_ARGUMENT with the cause in its details.
 */
export function reading<Result>(name: string, value: unknown, read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof KmemError) throw cause;
    const text = `${name} cannot be read: ${describeValue(value)} is not what it should be`;
    throw new KmemError("BAD_ARGUMENT", text, { cause });
  }
}

/** A copy of a list, so that nothing of the caller's runs later. Throws BAD_ARGUMENT for anything else. O(items). */
export function readList(name: string, list: unknown): unknown[] {
  return reading(name, list, () => {
    if (!Array.isArray(list)) throw badArgument(name, "a list", list);
    return Array.from({ length: list.length }, (_, index) => list[index] as unknown);
  });
}

/** Throws BAD_ARGUMENT unless `value` is an object, whose fields can be read. */
export function requireObject(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null) throw badArgument(name, "an object", value);
}

/** Throws BAD_ARGUMENT unless `value` is an object that has these functions. */
export function requireFunctions(name: string, value: unknown, calls: readonly string[]): void {
  requireObject(name, value);
  const missing = reading(name, value, () =>
    calls.find((call) => typeof (value as Record<string, unknown>)[call] !== "function"),
  );
  if (missing !== undefined) throw badArgument(name, `an object with the function ${missing}`, value);
}
