/** What a generator in steps form yields when it hands over control. */
export const event: unique symbol = Symbol("an access that the scheduler places");

/** The steps form of a call: run by `yield*`, its value is the call's. */
export type Steps = Iterable<unknown> & Iterator<unknown, unknown>;

export type AnyFunction = (...values: unknown[]) => unknown;

/** A function with its steps form, as the transform attaches it. */
export interface TwoForms extends AnyFunction {
  $g?: (...values: unknown[]) => Steps;
  /** Of an iterator: it yields events among its values. */
  $i?: AnyFunction;
  /** The `this` of an arrow function. */
  $t?: unknown;
}

const answer: { done: true; value: unknown } = { done: true, value: undefined };
const finished: Steps = {
  [Symbol.iterator]() {
    return this;
  },
  next: () => answer,
};

/** Steps that are over with this value: the result of a call that has no steps form. Run them at once. */
export function done(value: unknown): Steps {
  answer.value = value;
  return finished;
}
