import { badArgument, reading } from "../memory/arguments.ts";
import type { StackDepot } from "./depot.ts";

/** Frames of a stack that are kept unless a heap asks otherwise. */
export const DEFAULT_STACK_DEPTH = 16;

/** Knows of calls that the engine need not be asked about: `programStacks` of `kmem/wasm` makes one. */
export interface StackSource {
  /** A number from 1 on for the calls that led here, the same for the same calls; 0 where none are known. */
  idNow(): number;
  /** The calls that a number stands for as text, one a line, the innermost first. */
  textOf(id: number): string;
}

/** Throws BAD_ARGUMENT for what is no source of stacks. */
export function requireStackSource(name: string, value: unknown): void {
  const { idNow, textOf } = reading(name, value, () => ({ ...(value as Partial<StackSource>) }));
  if (typeof idNow !== "function" || typeof textOf !== "function") {
    throw badArgument(name, "an object with the functions idNow and textOf", value);
  }
}

interface StackCapture {
  stackTraceLimit?: number;
  captureStackTrace?: (target: object, entryFunction: unknown) => void;
}

/**
 * The stack of the caller of `entryFunction`, as the engine writes it, without its first line: who called a function of
 * the heap. Where an engine cannot leave frames out, the heap's own stand in it.
 */
function callerStack(entryFunction: unknown, depth: number): string {
  const errors = Error as StackCapture;
  if (errors.captureStackTrace === undefined) return new Error().stack ?? "";
  const limit = errors.stackTraceLimit;
  errors.stackTraceLimit = depth;
  const holder = { stack: "" };
  errors.captureStackTrace(holder, entryFunction);
  const { stack } = holder;
  if (limit !== undefined) errors.stackTraceLimit = limit;
  return stack.slice(stack.indexOf("\n") + 1);
}

/** How the stacks of a thread are found out. */
export interface StackSettings {
  /** Frames of a stack that are kept. */
  readonly stackDepth: number;
  /** What is asked before the engine. */
  readonly stacks?: StackSource | undefined;
}

/** The stacks of one thread's calls, and their ids in the depot. */
export class CallerStacks {
  readonly #depot: StackDepot;
  readonly #depth: number;
  readonly #source: StackSource | undefined;
  /** Ids in the depot, by the source's numbers. */
  readonly #known: number[] = [];

  constructor(depot: StackDepot, { stackDepth, stacks }: StackSettings) {
    this.#depot = depot;
    this.#depth = stackDepth;
    this.#source = stacks;
  }

  /** The stack of the caller of `entryFunction`. */
  text(entryFunction: unknown): string {
    const number = this.#source?.idNow() ?? 0;
    return number > 0 ? this.#textOf(number) : callerStack(entryFunction, this.#depth);
  }

  /** The id of that stack in the depot; 0 where there are no pages for it. */
  id(entryFunction: unknown): number {
    const number = this.#source?.idNow() ?? 0;
    if (!(number > 0)) return this.#depot.idOf(callerStack(entryFunction, this.#depth));
    const known = this.#known[number];
    if (known !== undefined) return known;
    const id = this.#depot.idOf(this.#textOf(number));
    if (id !== 0) this.#known[number] = id;
    return id;
  }

  #textOf(number: number): string {
    const text: unknown = this.#source?.textOf(number);
    return typeof text === "string" ? text : "";
  }
}

/** Changes one line of a stack, as a source map tells. */
export type MapFrame = (frame: string) => string;

/** The lines of a stack, the innermost call first, without their indentation. */
export function framesOf(stack: string, mapFrame: MapFrame = (frame) => frame): string[] {
  const lines = stack.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").map(mapFrame);
}
