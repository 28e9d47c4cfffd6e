/**
 * Every layout of the library in one place, for whoever reads a dump or writes a tool: offsets, word formats, states.
 */
export * from "./bucket/layout.ts";
export * from "./cluster/layout.ts";
export * from "./debug/layout.ts";
export * from "./memory/layout.ts";
export * from "./nodes/layout.ts";
export * from "./pages/layout.ts";
export * from "./region/layout.ts";
export * from "./slab/layout.ts";
export { CLASS_COUNT, classBytes, MAX_CLASS_BYTES } from "./slab/size-classes.ts";
export * from "./sync/layout.ts";
export * from "./trace/layout.ts";
export * from "./vmalloc/layout.ts";
export * from "./vmem/layout.ts";
