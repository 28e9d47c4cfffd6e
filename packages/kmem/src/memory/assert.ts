/**
 * Whether invariants are checked where one layer hands something to another. Tests set `globalThis.KMEM_ASSERTIONS`
 * before they import the library. The bundler takes every `if (ASSERTIONS)` out of what is published.
 */
export const ASSERTIONS: boolean = (globalThis as { KMEM_ASSERTIONS?: boolean }).KMEM_ASSERTIONS === true;

/** An invariant does not hold: a mistake in kmem itself, which only test builds look for. */
export class KmemAssertionError extends Error {
  override readonly name: string = "KmemAssertionError";

  constructor(expectation: string) {
    super(`kmem: broken invariant: expected that ${expectation}`);
  }
}

/**
 * Throws {@link KmemAssertionError} when `condition` is false; `expectation` is the sentence that should be true.
 * Always called as `if (ASSERTIONS) assert(...)`, and only about what no caller's argument and no stray store can make
 * false, or what the code has verified before: such mistakes are refused with a KmemError in every build.
 */
export function assert(condition: boolean, expectation: string): asserts condition {
  if (!condition) throw new KmemAssertionError(expectation);
}
