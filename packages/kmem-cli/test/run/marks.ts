import { readFileSync } from "node:fs";

/** The line of a program of the folder `programs` that has a mark. */
export function markedLine(program: string, mark: string): number {
  const source = readFileSync(new URL(`programs/${program}.c`, import.meta.url), "utf8").split("\n");
  const line = source.findIndex((text) => text.includes(`/* mark: ${mark} */`)) + 1;
  if (line === 0) throw new Error(`nothing in ${program}.c is marked with ${mark}`);
  return line;
}
