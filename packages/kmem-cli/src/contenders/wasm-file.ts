/** The variable of the environment that tells the process of a malloc in WebAssembly where its module is. */
export const WASM_FILE_VARIABLE = "KMEM_WASM_MALLOC";
