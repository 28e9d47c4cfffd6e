import { type Checks, reading, readOptions, requireBoolean } from "../memory/arguments.ts";
import { frameName, knownStack } from "./frames.ts";
import {
  type AllocationProfile,
  type ProfileFigure,
  requireFigure,
  requireProfile,
  type StackFrame,
} from "./profile.ts";

/** How {@link collapsedText} is wanted. */
export interface CollapsedOptions {
  /** What the numbers are. Default: `liveBytes`. */
  readonly figure?: ProfileFigure;
  /** Whether every frame says its file and line too, so that functions of one name stay apart. Default: false. */
  readonly withPlaces?: boolean;
}

const COLLAPSED_CHECKS: Checks<CollapsedOptions> = { figure: requireFigure, withPlaces: requireBoolean };

const SEPARATORS = /;/g;
// Whatever some reader takes for the end of a line, and what has no width on a page.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be replaced.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
// flamegraph.pl takes a number before the last one for the figure of a second profile.
const LAST_NUMBER = /\s(\d+(?:\.\d*)?)$/;

/**
 * Collapsed stacks: a line for each stack, `outermost;…;innermost figure`, as flamegraph.pl, inferno and speedscope
 * read them. Equal stacks are one line, those with 0 have none. In names a semicolon becomes a colon and a line break a
 * blank, because the format knows no escapes. Throws `BAD_ARGUMENT` for a profile with impossible numbers. O(frames).
 */
export function collapsedText(profile: AllocationProfile, options: CollapsedOptions = {}): string {
  const { figure = "liveBytes", withPlaces = false } = readOptions("options", options, COLLAPSED_CHECKS);
  requireProfile(profile);
  return reading("profile", profile, () => linesOf(profile, figure, withPlaces));
}

function linesOf(profile: AllocationProfile, figure: ProfileFigure, withPlaces: boolean): string {
  const totals = new Map<string, number>();
  for (const sample of profile.samples) {
    if (sample[figure] === 0) continue;
    const names = knownStack(sample).map((frame) => plainName(frame, withPlaces));
    const line = names.reverse().join(";").replace(LAST_NUMBER, "_$1");
    totals.set(line, (totals.get(line) ?? 0) + sample[figure]);
  }
  return [...totals].map(([line, total]) => `${line} ${total}\n`).join("");
}

function plainName(frame: StackFrame, withPlaces: boolean): string {
  const hasPlace = withPlaces && frame.functionName !== "" && frame.url !== "";
  const place = hasPlace ? ` (${frame.url.toWellFormed()}${frame.line === 0 ? "" : `:${frame.line}`})` : "";
  const name = `${frameName(frame)}${place}`.replace(CONTROLS, " ").replace(SEPARATORS, ":").trim();
  return name === "" ? "(blank)" : name;
}
