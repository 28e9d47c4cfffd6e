/** What Atomics.waitAsync answers; the lib of 2024 has it, engines of 2024 not all. */
export type WaitAsync = (
  words: Int32Array,
  word: number,
  value: number,
  timeoutMs: number,
) => { readonly async: boolean; readonly value: string | Promise<string> };
