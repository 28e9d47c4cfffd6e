import { KmemError } from "./errors.ts";

/**
 * Whether invariants are checked at the borders of the layers. Tests set `globalThis.KMEM_ASSERTIONS` before they
 * import the library; everywhere else this is a constant `false` that the compiler of the engine folds away.
 */
export const ASSERTIONS: boolean = (globalThis as { KMEM_ASSERTIONS?: boolean }).KMEM_ASSERTIONS === true;

/** Throws when `condition` is false. Call it as `if (ASSERTIONS) assert(...)`, so that off costs nothing. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new KmemError("BAD_ARGUMENT", `kmem: broken invariant: ${what}`);
}
