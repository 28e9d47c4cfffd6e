import type { Scale } from "../dump/frame-modes.ts";

/** Red, green and blue, 0 to 255 each. */
export type Colour = readonly [number, number, number];

/** Light or dark. */
export type Theme = "light" | "dark";

/** The colours of a canvas. */
export interface Palette {
  readonly background: Colour;
  readonly grid: Colour;
  readonly nothing: Colour;
  /** By the place in `FRAME_STATES`. */
  readonly states: readonly Colour[];
  readonly categories: readonly Colour[];
  /** Nothing live, stayed, changed, both. */
  readonly changes: readonly Colour[];
  /** First and last colour of a scale. */
  readonly steps: readonly Colour[];
  /** By the place in `GRANULE_STATES`. */
  readonly granules: readonly Colour[];
  readonly selection: Colour;
  readonly finding: Colour;
  readonly lines: readonly Colour[];
}

function colours(text: string): Colour[] {
  return text.split(" ").map((hex) => {
    const value = Number.parseInt(hex, 16);
    return [value >> 16, (value >> 8) & 0xff, value & 0xff];
  });
}

function palette(parts: Readonly<Record<keyof Palette, string>>): Palette {
  const one = (text: string): Colour => colours(text)[0]!;
  return {
    background: one(parts.background),
    grid: one(parts.grid),
    nothing: one(parts.nothing),
    states: colours(parts.states),
    categories: colours(parts.categories),
    changes: colours(parts.changes),
    steps: colours(parts.steps),
    granules: colours(parts.granules),
    selection: one(parts.selection),
    finding: one(parts.finding),
    lines: colours(parts.lines),
  };
}

/** The colours of both themes. */
export const PALETTES: Readonly<Record<Theme, Palette>> = {
  light: palette({
    background: "f4f5f7",
    grid: "f4f5f7",
    nothing: "e3e6ea",
    states: "c3c9d1 8792a0 e3e6ea 3f7fd4 159a8f dd9c28 8660cf d86f36 bf5097 9fcfa9 ffffff cf3636 7a9a2e 2f9fc4",
    categories: "3f7fd4 dd9c28 159a8f bf5097 7a9a2e 8660cf d86f36 2f9fc4 a8763e c7503f 5d6f86 6fb36f",
    changes: "e3e6ea a9bdd6 d86f36 dd9c28",
    steps: "dbe7f6 8db4e4 3f7fd4 1d4784",
    granules: "e3e6ea 2f6cc0 9cc0ee c5b8ea f1f3f6 cf3636",
    selection: "111418",
    finding: "cf2020",
    lines: "3f7fd4 d86f36 159a8f 8660cf",
  }),
  dark: palette({
    background: "14171c",
    grid: "14171c",
    nothing: "23282f",
    states: "343b45 67717f 23282f 4c8fe6 23aaa0 dfa640 9a78e2 e08049 d069ab 5c8f68 0b0d10 e25555 93b344 4ab4d8",
    categories: "4c8fe6 dfa640 23aaa0 d069ab 93b344 9a78e2 e08049 4ab4d8 bd8b54 dd6a59 7d90a8 7cc47c",
    changes: "23282f 3d5878 e08049 dfa640",
    steps: "1f2f45 2f5688 4c8fe6 bcd8ff",
    granules: "23282f 4c8fe6 2b527f 4a3f77 1b1f25 e25555",
    selection: "ffffff",
    finding: "ff5c5c",
    lines: "5a9bf0 e58c56 31b8ae a688ea",
  }),
};

const STEP_MAX = 10;

/** The colour of a value of a map. */
export function colourOf(theme: Theme, scale: Scale, value: number, stepCount: number = STEP_MAX): Colour {
  const { states, categories, changes, steps, nothing } = PALETTES[theme];
  if (scale === "states") return states[value] ?? nothing;
  if (scale === "changes") return changes[value] ?? nothing;
  if (value === 0) return nothing;
  if (scale === "categories") return categories[(value * HASH_FACTOR) % categories.length]!;
  return between(steps, Math.min(1, (value - 1) / Math.max(1, stepCount - 1)));
}

/** Neighbouring numbers get colours that are far apart. */
const HASH_FACTOR = 5;

function between(stops: readonly Colour[], share: number): Colour {
  const place = share * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  const [from, to] = [stops[index]!, stops[index + 1]!];
  const part = place - index;
  return [0, 1, 2].map((channel) => Math.round(from[channel]! + (to[channel]! - from[channel]!) * part)) as never;
}

/** A colour as CSS has it. */
export function cssColour([red, green, blue]: Colour, alpha = 1): string {
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}
