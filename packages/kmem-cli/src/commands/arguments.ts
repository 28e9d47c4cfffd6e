import { InvalidArgumentError } from "commander";
import type { Contender } from "../replay/contender.ts";
import { STDIN_PATH } from "../trace/open-trace.ts";

/** A whole number from `least`. */
export function parseCount(text: string, least: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= least) return count;
  throw new InvalidArgumentError(`It is a whole number from ${least}.`);
}

/** The contenders whose names stand in a list, in the order in which they are known. */
export function parseAllocators(text: string, known: readonly Contender[]): Contender[] {
  const names = new Set(text.split(",").map((name) => name.trim()));
  const unknown = [...names].filter((name) => known.every((contender) => contender.name !== name));
  if (unknown.length === 0) return known.filter(({ name }) => names.has(name));
  const choice = known.map(({ name }) => name).join(", ");
  throw new InvalidArgumentError(`There is no "${unknown.join('", "')}"; there are ${choice}.`);
}

/** Adds a trace to those before it. */
export function collectTraces(path: string, before: readonly string[] = []): string[] {
  if (path === STDIN_PATH && before.includes(STDIN_PATH)) {
    throw new InvalidArgumentError("Standard input can be read once only.");
  }
  return [...before, path];
}
