import type { Steps } from "./runtime/steps.ts";

type AnyFunction = (...values: never[]) => unknown;
type MethodName<Owner> = {
  [Name in keyof Owner]-?: Owner[Name] extends AnyFunction ? Name : never;
}[keyof Owner];
type Parts<Method> = Method extends (...values: infer Values) => infer Result
  ? { values: Values; result: Result }
  : never;

interface WithSteps {
  $g?: (...values: unknown[]) => Steps;
  $t?: unknown;
}

/**
 * Calls a method of the instrumented library so that the virtual thread can be interrupted in it:
 * `const address = yield* call(heap, "alloc", 64)`.
 */
export function* call<Owner extends object, Name extends MethodName<Owner>>(
  owner: Owner,
  name: Name,
  ...values: Parts<Owner[Name]>["values"]
): Generator<unknown, Parts<Owner[Name]>["result"]> {
  const steps = (owner as Record<string, unknown>)[`${String(name)}$g`] as WithSteps["$g"];
  if (steps !== undefined) return (yield* steps.apply(owner, values)) as Parts<Owner[Name]>["result"];
  const method = owner[name] as WithSteps;
  if (method.$g === undefined) throw new TypeError(`${String(name)} is no function of an instrumented library`);
  return (yield* method.$g.apply(method.$t ?? owner, values)) as Parts<Owner[Name]>["result"];
}
