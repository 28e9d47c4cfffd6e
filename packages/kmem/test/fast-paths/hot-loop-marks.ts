/** Lines between which the engine's traces are those of optimised code. */
export const HOT_BEGIN = "=== hot: begin";
export const HOT_END = "=== hot: end";
