/**
 * WebAssembly programs on kmem: modules whose own allocator is replaced by imports, and these, as C has them, over a
 * heap.
 *
 * @module kmem/wasm
 */

export { type AdoptedMemory, type AdoptedModule, adopt } from "./adopt.ts";
export type { AdoptOptions } from "./adopt-options.ts";
export type { CFunctionName, Role } from "./allocator-roles.ts";
export { bindProgram, type ProgramExports } from "./bind-program.ts";
export { cMalloc } from "./c-malloc.ts";
export { type CErrorNumbers, type CMalloc, type CMallocOptions, WASI_ERRORS } from "./c-malloc-options.ts";
export type { AdoptRefusal } from "./cannot-adopt.ts";
export type { Evidence, FoundFunction } from "./find-allocator.ts";
export type { HeapBaseSource, ProgramBreak } from "./heap-base.ts";
export { Memcheck, type MemcheckCounts, type MemcheckImports, type MemcheckOptions } from "./memcheck.ts";
export type { MemcheckLeaks, MemcheckSite } from "./memcheck-leaks.ts";
export { type MemcheckBlock, type MemcheckFacts, type MemcheckKind, MemcheckReport } from "./memcheck-report.ts";
export { type FrameOptions, type ProgramFrames, programFrames } from "./program-frames.ts";
export { type ProgramMemory, programHeapOptions } from "./program-heap.ts";
export { type ProgramLeaks, type ProgramRoots, programLeaks } from "./program-leaks.ts";
export { exposeStack, type ProgramStack } from "./program-stack.ts";
export { programStacks, type StackOptions } from "./program-stacks.ts";
export type { HarmlessFunction, LeftFunction } from "./replacement-proof.ts";
export type { ImportName } from "./resize-import.ts";
export {
  adoptStreaming,
  type CompiledModule,
  type FetchedModule,
  type StreamingSource,
  type WasmModuleObject,
} from "./streaming.ts";
