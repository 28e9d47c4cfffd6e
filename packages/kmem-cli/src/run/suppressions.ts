/** What a program can be blamed for. */
const PROBLEM_KINDS = [
  "leak",
  "double-free",
  "invalid-free",
  "overwrite",
  "invalid-use",
  "invalid-read",
  "invalid-write",
  "undefined-read",
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

/** Stands for every kind, for any characters of a name, and for any number of frames. */
const ANY = "*";
const ANY_FRAMES = "...";
/** A line of the file: a kind, and functions from the innermost on. */
const LINE = /^(?<kind>[a-z-]+|\*)\s*:\s*(?<frames>\S.*)$/;
/** Goes to the end of a line, but not within a name such as `app::{closure#0}`. */
const COMMENT = /(?:^|\s)#.*/;
/** Stands between two functions, with a blank on either side: the names of templates have one without. */
const CALLED_BY = /(?:^|\s)<(?=\s|$)/;
/** Of a frame as it is shown: `at main (leak.c:18:3)`, and where the file's name has parentheses itself. */
const FUNCTIONS_OF_FRAME = [/^at (?<name>.*) \([^()]*\)$/, /^at (?<name>.*?) \([./\\\w].*:\d+:\d+\)$/] as const;

interface Suppression {
  readonly kind: ProblemKind | undefined;
  readonly frames: readonly string[];
  readonly line: number;
}

/** A file of suppressions that cannot be read. */
export class SuppressionError extends Error {
  override readonly name = "SuppressionError";
}

/** Problems that are known and not to be told, by a file with a line for each: see docs/webassembly.md. */
export class Suppressions {
  readonly #all: readonly Suppression[];

  private constructor(all: readonly Suppression[]) {
    this.#all = all;
  }

  static readonly NONE: Suppressions = new Suppressions([]);

  /** Reads the text of a file. Throws {@link SuppressionError} with the number of the line that is wrong. */
  static parse(text: string): Suppressions {
    const lines = text
      .split(/\r?\n/)
      .map((line, index) => ({ line: line.replace(COMMENT, "").trim(), number: index + 1 }));
    return new Suppressions(lines.filter(({ line }) => line !== "").map(({ line, number }) => parseLine(line, number)));
  }

  /** Whether a problem with one of these stacks, lines as they are shown, is not to be told. */
  covers(kind: ProblemKind, stacks: readonly (readonly string[])[]): boolean {
    const named = stacks.map((stack) => stack.map(functionOf));
    return this.#all.some((one) => {
      return (one.kind === undefined || one.kind === kind) && named.some((names) => begins(one.frames, names));
    });
  }
}

function functionOf(frame: string): string {
  for (const pattern of FUNCTIONS_OF_FRAME) {
    const name = pattern.exec(frame)?.groups?.["name"];
    if (name !== undefined) return name;
  }
  return frame;
}

function parseLine(line: string, number: number): Suppression {
  const { kind, frames } = LINE.exec(line)?.groups ?? {};
  if (kind === undefined || frames === undefined) {
    throw new SuppressionError(`line ${number} is no "KIND: FUNCTION < FUNCTION ...": ${line}`);
  }
  if (kind !== ANY && !PROBLEM_KINDS.includes(kind as ProblemKind)) {
    throw new SuppressionError(
      `line ${number} names no kind of problem: ${kind} is none of ${PROBLEM_KINDS.join(", ")}`,
    );
  }
  const names = frames.split(CALLED_BY).map((name) => name.trim());
  if (names.includes("")) throw new SuppressionError(`line ${number} leaves out a function: ${line}`);
  return { kind: kind === ANY ? undefined : (kind as ProblemKind), frames: names, line: number };
}

/** Whether a stack begins as a pattern says. O(pattern × stack). */
function begins(pattern: readonly string[], names: readonly string[]): boolean {
  // Whether the pattern from here on covers the names from there on; filled from the ends.
  let covered: boolean[] = names.map(() => true);
  covered.push(true);
  for (const frame of pattern.toReversed()) {
    const next = covered;
    covered = new Array<boolean>(names.length + 1).fill(false);
    for (let at = names.length; at >= 0; at--) {
      const isHere = at < names.length && isNamed(frame, names[at] ?? "") && next[at + 1] === true;
      covered[at] = frame === ANY_FRAMES ? next[at] === true || covered[at + 1] === true : isHere;
    }
  }
  return covered[0] === true;
}

/** Whether a name is one of a pattern, in which `*` stands for any characters. With many, an expression takes long. */
function isNamed(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split(ANY);
  const last = rest.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > name.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
