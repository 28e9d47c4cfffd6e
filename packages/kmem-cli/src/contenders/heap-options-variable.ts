/** The variable of the environment that has options of kmem's heap as JSON. */
export const HEAP_OPTIONS_VARIABLE = "KMEM_HEAP_OPTIONS";
