/** A value that a caller without types may pass, made anew for each call: some can be used up. */
export interface Hostile {
  readonly name: string;
  readonly make: () => unknown;
}

/** What a hostile value's own code throws: it must never reach the caller. */
class Trap extends Error {}

function trap(): never {
  throw new Trap("code of the argument ran and threw");
}

const THROWING_HANDLER: ProxyHandler<object> = {
  get: trap,
  has: trap,
  ownKeys: trap,
  getPrototypeOf: trap,
  getOwnPropertyDescriptor: trap,
};

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

/** Becomes another number each time it is converted. */
function changing(): unknown {
  let conversions = 0;
  return { valueOf: () => 16 * ++conversions };
}

/** A list that no loop comes to the end of. */
function endless(): unknown {
  return {
    *[Symbol.iterator](): Generator<number> {
      for (let item = 0; ; item++) yield item;
    },
  };
}

const OBJECTS: readonly Hostile[] = [
  { name: "{}", make: () => ({}) },
  { name: "[]", make: () => [] },
  { name: "[16]", make: () => [16] },
  { name: "an object without a prototype", make: () => Object.create(null) },
  { name: "a function", make: () => () => 0 },
  { name: "a date", make: () => new Date(64) },
  { name: "a boxed number", make: () => new Number(64) },
  { name: "an expression", make: () => /./ },
  { name: "bytes", make: () => new Uint8Array(4) },
  { name: "an object of a typed array's class that is none", make: () => Object.create(Uint8Array.prototype) },
  { name: "an object of a buffer's class that is none", make: () => Object.create(ArrayBuffer.prototype) },
  { name: "valueOf, 64", make: () => ({ valueOf: () => 64 }) },
  { name: "valueOf, another number each time", make: changing },
  { name: "valueOf throws", make: () => ({ valueOf: trap }) },
  { name: "valueOf 1, toString throws", make: () => ({ valueOf: () => 1, toString: trap }) },
  { name: "toString throws", make: () => ({ toString: trap }) },
  { name: "toPrimitive throws", make: () => ({ [Symbol.toPrimitive]: trap }) },
  { name: "toPrimitive, a symbol", make: () => ({ [Symbol.toPrimitive]: () => Symbol("primitive") }) },
  { name: "an unknown option", make: () => ({ noSuchOption: 1 }) },
  {
    name: "the constructor is a trap",
    make: () => ({
      get constructor() {
        return trap();
      },
    }),
  },
  {
    name: "a length that is a trap",
    make: () => ({
      get length() {
        return trap();
      },
    }),
  },
  { name: "a list with a trap", make: () => Object.defineProperty([1], 0, { get: trap }) },
  { name: "an endless iterable", make: endless },
  { name: "a proxy that throws", make: () => new Proxy({}, THROWING_HANDLER) },
  { name: "a proxy of a list that throws", make: () => new Proxy([], THROWING_HANDLER) },
  { name: "a revoked proxy", make: revoked },
];

const PRIMITIVES: readonly unknown[] = [
  undefined,
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -1,
  0.5,
  64,
  4097,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  1e20,
  Number.MAX_VALUE,
  "",
  "64",
  "no number",
  true,
  false,
  0n,
  10n,
  -(2n ** 70n),
];

function primitiveName(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** Every sort of value that is wrong somewhere. */
export const HOSTILE: readonly Hostile[] = [
  ...PRIMITIVES.map((value) => ({ name: primitiveName(value), make: () => value })),
  { name: "a symbol", make: () => Symbol("hostile") },
  ...OBJECTS,
];

/** An object with one property that is a trap. */
export function withTrap(key: string, rest: object): object {
  return Object.defineProperty({ ...rest }, key, { get: trap, enumerable: true });
}
