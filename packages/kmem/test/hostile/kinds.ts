/** What an argument is to be. */
export interface Kind {
  readonly name: string;
  /** Whether the value may be taken; what throws when it is asked may not. See {@link mayTake}. */
  accepts(value: unknown): boolean;
  /** The options that an object of this kind may have. */
  readonly options?: Readonly<Record<string, Kind>>;
}

function kind(name: string, accepts: (value: unknown) => boolean, options?: Readonly<Record<string, Kind>>): Kind {
  return { name, accepts, ...(options === undefined ? {} : { options }) };
}

/** Whether a value may be taken; of every other one a call must make nothing but a refusal. */
export function mayTake({ accepts }: Kind, value: unknown): boolean {
  try {
    return accepts(value);
  } catch {
    return false;
  }
}

const isWhole = (value: unknown, least: number, most: number): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;

/** Whatever it is, the call knows what to answer. */
export const anything: Kind = kind("anything", () => true);
/** No value but the good one: heaps, memories, dumps, things that are made of many parts. */
export const nothingElse: Kind = kind("nothing else", () => false);
export const uint32: Kind = kind("a number of 32 bits", (value) => isWhole(value, 0, 2 ** 32 - 1));
/** A number of pages or objects: a heap may have fewer. */
export const someCount: Kind = kind("a count from 1", (value) => isWhole(value, 1, Number.MAX_VALUE));
export const count: Kind = kind("a count", (value) => isWhole(value, 0, Number.MAX_VALUE));
export const exactCount: Kind = kind("a whole number", (value) => isWhole(value, 0, Number.MAX_SAFE_INTEGER));
export const amount: Kind = kind("a number from 0", (value) => typeof value === "number" && value >= 0);
export const anyNumber: Kind = kind("a number", (value) => typeof value === "number");
export const anyBigInt: Kind = kind("a BigInt", (value) => typeof value === "bigint");
export const truth: Kind = kind("a boolean", (value) => typeof value === "boolean");
export const text: Kind = kind("a text", (value) => typeof value === "string");
export const callable: Kind = kind("a function", (value) => typeof value === "function");
/** A function, or what is NULL in C. */
export const cFunction: Kind = kind(
  "a function or NULL",
  (value) => typeof value === "function" || value === null || value === undefined || value === 0,
);

export function within(least: number, most: number): Kind {
  return kind(`${least} to ${most}`, (value) => isWhole(value, least, most));
}

export function optional(other: Kind): Kind {
  const accepts = (value: unknown): boolean => value === undefined || other.accepts(value);
  return kind(`${other.name}, or left out`, accepts, other.options);
}

export function listOf(item: Kind): Kind {
  return kind(`a list, each ${item.name}`, (value) => Array.isArray(value) && value.every((one) => item.accepts(one)));
}

/** An object with these options and no others; each may be left out. */
export function optionsOf(options: Readonly<Record<string, Kind>>): Kind {
  const accepts = (value: unknown): boolean => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const all = value as Record<string, unknown>;
    const areKnown = Object.keys(all).every((key) => Object.hasOwn(options, key));
    return areKnown && Object.entries(options).every(([key, one]) => all[key] === undefined || one.accepts(all[key]));
  };
  return kind("options", accepts, options);
}
