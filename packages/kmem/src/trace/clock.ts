/** Says what time it is, in milliseconds since 1970; all threads that write to one ring agree on it. */
export type TraceClock = () => number;

/**
 * The time since 1970 as finely as the thread can tell it. An AudioWorklet has no `performance` and tells milliseconds.
 */
export const systemClock: TraceClock = () =>
  typeof performance === "undefined" ? Date.now() : performance.timeOrigin + performance.now();
