/** The error that a replay counts as an allocation that failed. */
export function refusal(): Error {
  return Object.assign(new Error("out of memory"), { code: "OUT_OF_MEMORY" });
}

/** An address as WebAssembly answers it, unsigned. Throws {@link refusal} for 0. */
export function addressOf(result: number): number {
  const address = result >>> 0;
  if (address === 0) throw refusal();
  return address;
}
