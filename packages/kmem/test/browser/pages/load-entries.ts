/** What a thread can say about itself and about the modules that it was told to load. */
export interface Loaded {
  readonly isIsolated: boolean;
  readonly hasSharedMemory: boolean;
  /** The names that each module exports, in the order of the modules. */
  readonly exportNames: readonly (readonly string[])[];
}

/** Loads entries of the library into this thread, by their paths in the package. */
export async function loadEntries(paths: readonly string[]): Promise<Loaded> {
  const modules = await Promise.all(
    paths.map((path) => import(new URL(`../../../${path}`, import.meta.url).href) as Promise<object>),
  );
  return {
    isIsolated: globalThis.crossOriginIsolated,
    hasSharedMemory: typeof SharedArrayBuffer !== "undefined",
    exportNames: modules.map((module) => Object.keys(module).sort()),
  };
}
