/**
 * WebAssembly programs on kmem: modules whose own allocator is replaced by imports, and these, as C has them, over a
 * heap.
 *
 * @module kmem/wasm
 */

export { type AdoptedMemory, type AdoptedModule, adopt } from "./adopt/adopt.ts";
export type { AdoptOptions } from "./adopt/options.ts";
export {
  adoptStreaming,
  type CompiledModule,
  type FetchedModule,
  type StreamingSource,
  type WasmModuleObject,
} from "./adopt/streaming.ts";
export type { AdoptRefusal } from "./allocator/cannot-adopt.ts";
export type { Evidence, FoundFunction } from "./allocator/find-allocator.ts";
export type { HeapBaseSource, ProgramBreak } from "./allocator/heap-base.ts";
export type { HarmlessFunction, LeftFunction } from "./allocator/replacement-proof.ts";
export type { ImportName } from "./allocator/resize-import.ts";
export type { CFunctionName, Role } from "./allocator/roles.ts";
export { cMalloc } from "./c-malloc/c-malloc.ts";
export { type CErrorNumbers, type CMalloc, type CMallocOptions, WASI_ERRORS } from "./c-malloc/options.ts";
export { exposeStack, type ProgramStack } from "./code/program-stack.ts";
export { bindProgram, type ProgramExports } from "./core/bind-program.ts";
export type { MemcheckLeaks, MemcheckSite } from "./memcheck/leaks.ts";
export { Memcheck, type MemcheckCounts, type MemcheckImports, type MemcheckOptions } from "./memcheck/memcheck.ts";
export { type MemcheckBlock, type MemcheckFacts, type MemcheckKind, MemcheckReport } from "./memcheck/report.ts";
export { type FrameOptions, type ProgramFrames, programFrames } from "./program/frames.ts";
export { type ProgramMemory, programHeapOptions } from "./program/heap.ts";
export { type ProgramLeaks, type ProgramRoots, programLeaks } from "./program/leaks.ts";
export { programStacks, type StackOptions } from "./program/stacks.ts";
