/** A small program in C, compiled to WebAssembly; its source is `native/programs/<name>.c`. */
export interface WasmProgram {
  readonly name: string;
  readonly summary: string;
  /** What `run` is given: so much work takes some tens of milliseconds. */
  readonly amount: number;
}

/** How a program gets at its malloc. */
export type MallocBinding = "imported" | "linked";

/** The two ways, by the name of the allocator that they lead to. */
export const PROGRAM_ALLOCATORS: readonly { readonly name: string; readonly binding: MallocBinding }[] = [
  { name: "kmem, imported", binding: "imported" },
  { name: "dlmalloc, linked in", binding: "linked" },
];

export const WASM_PROGRAMS: readonly WasmProgram[] = [
  { name: "trees", summary: "binary trees, built, walked and taken down", amount: 400 },
  { name: "table", summary: "a hash table that grows, keys that come and go", amount: 1_500_000 },
  { name: "strings", summary: "lines put together by realloc and joined", amount: 40_000 },
];
