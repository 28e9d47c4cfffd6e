import type { Kind } from "./kinds.ts";
import type { World, WorldName } from "./worlds.ts";

/** An argument: what it is to be, and one that is right. */
export interface Argument {
  readonly kind: Kind;
  readonly good: (world: World) => unknown;
}

/** How a function refuses: by a KmemError, or as a kernel does, by one of these answers and without throwing. */
export type Refusal = "throws" | readonly unknown[];

/** A function's row of the table. */
export interface Row {
  readonly args: readonly Argument[];
  readonly refusal: Refusal;
  /** Where it is called, for what is no function of an object. */
  readonly world: WorldName;
}

/** An argument with a value that is right, or the name of one among the world's values. */
export function arg(kind: Kind, good: unknown): Argument {
  return { kind, good: () => good };
}

/** An argument that the world has under a name. */
export function of(kind: Kind, name: string): Argument {
  return { kind, good: ({ values }) => values[name] };
}

/** A row of a function that throws what it refuses. */
export function row(...args: readonly Argument[]): Row {
  return { args, refusal: "throws", world: "plain" };
}

/** A row of a function that answers so where it refuses. */
export function answers(refusal: readonly unknown[], ...args: readonly Argument[]): Row {
  return { args, refusal, world: "plain" };
}

/** The rows under the name of an object. */
export function named(subject: string, rows: Readonly<Record<string, Row>>): Record<string, Row> {
  return Object.fromEntries(Object.entries(rows).map(([key, one]) => [`${subject}.${key}`, one]));
}
