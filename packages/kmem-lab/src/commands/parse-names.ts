import { InvalidArgumentError } from "commander";

/** The names that stand in a list with commas, in the order in which they are known. */
export function parseNames<Name extends string>(text: string, known: readonly Name[]): Name[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !known.some((one) => one === name));
  if (unknown.length === 0) return known.filter((one) => names.includes(one));
  throw new InvalidArgumentError(`There is no "${unknown.join('", "')}"; there are ${known.join(", ")}.`);
}
