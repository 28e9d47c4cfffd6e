import { KmemError } from "./errors.ts";

/** How much of a string stands in a message. */
const SHOWN_CHARACTERS = 60;

/** A short text for a value of any type, for messages. It never throws, whatever the value does when it is read. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : `an object of ${className(value)} class`;
    default:
      return String(value);
  }
}

function className(value: object): string {
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === "string" ? name.slice(0, SHOWN_CHARACTERS) : "no";
  } catch {
    return "unknown";
  }
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
  const text = `${name} is a whole number from ${least} to ${most}, not ${describeValue(value)}`;
  throw new KmemError("BAD_ARGUMENT", text, { [name]: value });
}

/** Throws BAD_ARGUMENT unless `value` is a function or undefined. */
export function requireOptionalFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new KmemError("BAD_ARGUMENT", `${name} is a function, not ${describeValue(value)}`, { [name]: value });
}
