import { badArgument, describeValue, reading } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";

/** A place in a program. */
export interface StackFrame {
  /** As the engine names it; empty where the function has no name. */
  readonly functionName: string;
  /** The file or module; empty where it is not known. */
  readonly url: string;
  /** From 1; 0 is unknown. */
  readonly line: number;
  /** From 1; 0 is unknown. */
  readonly column: number;
}

/** The figures that every sample has. Whole numbers from 0: what is scaled up from a sampling is rounded first. */
export interface ProfileFigures {
  /** Blocks that have not been freed. */
  readonly liveCount: number;
  /** Bytes in blocks that have not been freed. */
  readonly liveBytes: number;
  /** Blocks ever allocated, those freed since included. */
  readonly allocCount: number;
  /** Bytes ever allocated, those freed since included. */
  readonly allocBytes: number;
}

/** One of the figures of a sample, by its name. */
export type ProfileFigure = keyof ProfileFigures;

/** What one place of a program has allocated. Several samples may have the same stack. */
export interface ProfileSample extends ProfileFigures {
  /** Innermost frame first; empty where nothing is known. */
  readonly stack: readonly StackFrame[];
  /** What else is known, for instance the cache and the slot. Only formats that have labels keep them. */
  readonly labels?: Readonly<Record<string, string | number>>;
}

/** What a program has allocated, by places. */
export interface AllocationProfile {
  /** What each place has allocated, in any order. */
  readonly samples: readonly ProfileSample[];
  /** Milliseconds since 1970, as `Date.now()` gives them. */
  readonly startedAtMs: number;
  /** Milliseconds that it was recorded for. */
  readonly durationMs: number;
  /** How many bytes are allocated from one sample to the next, on average; left out where each block was recorded. */
  readonly samplePeriodBytes?: number;
}

/** The names of all figures, in the order in which the formats have them. */
export const PROFILE_FIGURES: readonly ProfileFigure[] = ["allocCount", "allocBytes", "liveCount", "liveBytes"];

/** The sum of a figure over all samples. Throws BAD_ARGUMENT for what is no profile, and no figure. */
export function totalOf(profile: AllocationProfile, figure: ProfileFigure): number {
  requireFigure("figure", figure);
  return reading("profile", profile, () => profile.samples.reduce((total, sample) => total + sample[figure], 0));
}

/** Refuses, with `BAD_ARGUMENT`, what is not the name of a figure. */
export function requireFigure(name: string, figure: unknown): void {
  if (PROFILE_FIGURES.includes(figure as ProfileFigure)) return;
  throw badArgument(name, `one of ${PROFILE_FIGURES.join(", ")}`, figure);
}

/** Refuses a number that is not a whole one from 0, or too large to be exact, with `BAD_ARGUMENT`. */
function requireWhole(what: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new KmemError("BAD_ARGUMENT", `${what} is a whole number from 0, unlike ${describeValue(value)}`, {
    what,
    value,
  });
}

/** Refuses a time that is not a finite number from 0, with `BAD_ARGUMENT`. */
export function requireTime(what: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw new KmemError("BAD_ARGUMENT", `${what} is a number of milliseconds from 0, unlike ${describeValue(value)}`, {
    what,
    value,
  });
}

/**
 * Refuses, with `BAD_ARGUMENT`, a profile whose numbers no format could hold: every writer asks first. O(frames).
 */
export function requireProfile(profile: AllocationProfile): void {
  reading("profile", profile, () => verifyProfile(profile));
}

function verifyProfile(profile: AllocationProfile): void {
  requireTime("startedAtMs", profile.startedAtMs);
  requireTime("durationMs", profile.durationMs);
  if (profile.samplePeriodBytes !== undefined) requireWhole("samplePeriodBytes", profile.samplePeriodBytes);
  for (const [index, sample] of profile.samples.entries()) {
    for (const figure of PROFILE_FIGURES) requireWhole(`samples[${index}].${figure}`, sample[figure]);
    for (const { line, column } of sample.stack) {
      requireWhole(`a line in samples[${index}].stack`, line);
      requireWhole(`a column in samples[${index}].stack`, column);
    }
  }
  for (const figure of PROFILE_FIGURES) requireWhole(`the sum of ${figure}`, totalOf(profile, figure));
}
