/**
 * WebAssembly programs on kmem: modules whose own allocator is replaced by imports.
 *
 * @module
 */

export { type AdoptedMemory, type AdoptedModule, type AdoptOptions, adopt } from "./adopt.ts";
export type { AdoptRefusal } from "./cannot-adopt.ts";
export type { Evidence, FoundFunction } from "./find.ts";
export type { HeapBaseSource, ProgramBreak } from "./heap-base.ts";
export type { HarmlessFunction, LeftFunction } from "./proof.ts";
export type { CFunctionName, Role } from "./roles.ts";
