/**
 * Serves the inspector on this machine: of a heap of this process, or of files.
 *
 * @module
 */
export { SAMPLE_PATH } from "./page-files.ts";
export { type FileServer, type ServedFile, type ServeFilesOptions, serveFiles } from "./serve-files.ts";
export { type HeapServer, type ServeHeapOptions, serveHeap } from "./serve-heap.ts";
