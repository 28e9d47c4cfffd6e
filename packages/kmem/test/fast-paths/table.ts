import type { PathCounts } from "./paths.ts";

const HEADER = ["operation", "reads", "writes", "atomics", "tests", "true", "calls"];

const TEXT = `# What the fast paths do

Counted in the library's own code as it runs, instrumented, with its assertions off. **reads** and **writes** are
elements of typed arrays; **atomics** are operations of \`Atomics\`; **tests** are conditions that decide on a way
through the code (each operand of \`&&\`, \`||\` and \`??\` that is reached), and **true** those of them that held;
**calls** are functions, methods, getters and constructors, the operation itself not among them. The engine makes calls
of small functions part of their caller, so a call here need not be one in the machine code.

A test compares this table with the code. After a change that is meant, write it anew and look at the difference:
\`npx vitest run packages/kmem/test/fast-paths -u\`.
`;

const CORE_TEXT = `## The same as WebAssembly

What \`adopt\` puts into a program, counted in the same way as it runs: a build of the same functions calls out after
each load and store, and with each condition that a branch hangs on. A condition that chooses between two values without
a branch is no test here. \`memory.fill\` and \`memory.copy\` count as calls, and so does what goes to the imports.
`;

/** The golden file: one row for each operation, in TypeScript and in WebAssembly. */
export function goldenTable(paths: readonly PathCounts[], corePaths: readonly PathCounts[]): string {
  return `${TEXT}\n${tableOf(paths)}\n${CORE_TEXT}\n${tableOf(corePaths)}`;
}

function tableOf(paths: readonly PathCounts[]): string {
  const rows = paths.map(([name, { reads, writes, atomics, tests, taken, calls }]) =>
    [name, reads, writes, atomics, tests, taken, calls].map(String),
  );
  const rule = HEADER.map((_, column) => (column === 0 ? "---" : "---:"));
  const lines = [HEADER, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return `${lines.join("\n")}\n`;
}
