import {
  badArgument,
  type Checks,
  requireBoolean,
  requireCount,
  requireFunction,
  requireWhole,
} from "../memory/arguments.ts";
import type { BugReport } from "./report.ts";
import { requireStackSource, type StackSource } from "./stack.ts";

/** How one thread samples. */
export interface SamplingOptions {
  /**
   * One allocation in so many gets a guarded place, on average. Heaps of one thread that share a slot share the count,
   * and the least of their rates. Default 100,000.
   */
  readonly sampleEvery?: number;
  /** Guarded objects that there may be when this thread takes one: live ones, and its own freed ones. Default 255. */
  readonly guardedCount?: number;
  /** Gets each bug that is found. Default: its text goes to console.error, or to the console of the face at work. */
  readonly report?: (report: BugReport) => void;
  /** A corruption that is found throws CORRUPTION instead of being repaired. Default false. */
  readonly panic?: boolean;
  /** Frames of a stack that are kept. Default 16. */
  readonly stackDepth?: number;
  /** What is asked for stacks before the engine. Default: nothing. */
  readonly stacks?: StackSource;
}

/** The counter of calls is a word. */
const SAMPLE_EVERY_MAX: number = 2 ** 30;
const GUARDED_COUNT_MAX = 0xffff_ffff;

export const SAMPLING_CHECKS: Checks<SamplingOptions> = {
  sampleEvery: (name, value) => {
    const isNumber = typeof value === "number" && value >= 1 && value <= SAMPLE_EVERY_MAX;
    if (!isNumber) throw badArgument(name, `a number from 1 to ${SAMPLE_EVERY_MAX}`, value);
  },
  guardedCount: (name, value) => requireWhole(name, value, 2, GUARDED_COUNT_MAX),
  report: requireFunction,
  panic: requireBoolean,
  stackDepth: requireCount,
  stacks: requireStackSource,
};

export const DEFAULT_SAMPLE_EVERY = 100_000;
/** Half of these may be freed ones. Linux's CONFIG_KFENCE_NUM_OBJECTS. */
export const DEFAULT_GUARDED_COUNT = 255;
