import { reading } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { frameKey, frameName, knownStack, Numbering } from "./frames.ts";
import { type AllocationProfile, type ProfileFigure, requireProfile, type StackFrame, totalOf } from "./profile.ts";

/** A profile with the name that it has in a list of several. */
export interface NamedProfile {
  /** What the viewer calls it. */
  readonly name: string;
  /** What was allocated. */
  readonly profile: AllocationProfile;
}

const SCHEMA_URL = "https://www.speedscope.app/file-format-schema.json";

/** The views of one profile, the most asked for first: it is what the viewer opens with. */
const VIEWS: readonly { readonly figure: ProfileFigure; readonly title: string; readonly unit: "bytes" | "none" }[] = [
  { figure: "liveBytes", title: "live bytes", unit: "bytes" },
  { figure: "liveCount", title: "live blocks", unit: "none" },
  { figure: "allocBytes", title: "allocated bytes", unit: "bytes" },
  { figure: "allocCount", title: "allocated blocks", unit: "none" },
];

interface SpeedscopeFrame {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly col?: number;
}

/**
 * A file for speedscope with four views of each profile: live bytes, live blocks, allocated bytes, allocated blocks.
 * All share one table of frames. Samples with 0 are left out of a view. Throws `BAD_ARGUMENT` for an empty list, which
 * the viewer could not open, and for profiles with impossible numbers. O(frames).
 */
export function speedscopeText(profiles: readonly NamedProfile[]): string {
  return reading("profiles", profiles, () => textOfProfiles(profiles));
}

function textOfProfiles(profiles: readonly NamedProfile[]): string {
  if (profiles.length === 0) throw new KmemError("BAD_ARGUMENT", "a speedscope file has one profile at least");
  for (const { profile } of profiles) requireProfile(profile);
  const frames = new Numbering<SpeedscopeFrame>();
  const views = profiles.flatMap(({ name, profile }) => {
    const stacks = profile.samples.map((sample) =>
      knownStack(sample)
        .map((frame) => frames.numberOf(frameKey(frame), speedscopeFrame(frame)))
        .reverse(),
    );
    return VIEWS.map(({ figure, title, unit }) => {
      const shown = [...profile.samples.keys()].filter((index) => profile.samples[index][figure] > 0);
      return {
        type: "sampled",
        name: `${name.toWellFormed()}: ${title}`,
        unit,
        startValue: 0,
        endValue: totalOf(profile, figure),
        samples: shown.map((index) => stacks[index]),
        weights: shown.map((index) => profile.samples[index][figure]),
      };
    });
  });
  return JSON.stringify({
    $schema: SCHEMA_URL,
    exporter: "kmem",
    name: profiles[0].name.toWellFormed(),
    activeProfileIndex: 0,
    shared: { frames: frames.items },
    profiles: views,
  });
}

function speedscopeFrame(frame: StackFrame): SpeedscopeFrame {
  return {
    name: frameName(frame),
    ...(frame.url === "" ? {} : { file: frame.url.toWellFormed() }),
    ...(frame.line === 0 ? {} : { line: frame.line }),
    ...(frame.column === 0 ? {} : { col: frame.column }),
  };
}
