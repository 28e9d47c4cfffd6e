import type { KmemError } from "kmem";
import { type AllocationSite, BugReport, type Track } from "kmem/debug";
import type { MemcheckReport, MemcheckSite, ProgramFrames } from "kmem/wasm";
import type { ProblemKind, Suppressions } from "./suppressions.ts";

/** How a report is said: the whole of it, and in a line or two where the same was said before. */
export type Say = (text: string) => void;

/** What a log knows when the program has ended. */
export interface ProblemCounts {
  /** Told and not told again because it was the same. */
  readonly problems: number;
  readonly repeated: number;
  readonly suppressed: number;
}

/** Reports of one kind with one stack after which the rest are only counted. */
const SAME_TOLD_MAX = 1;

/** Tells of each problem as it is found, by functions and lines of the program, and counts them. */
export class ProblemLog {
  readonly #frames: ProgramFrames;
  readonly #suppressions: Suppressions;
  readonly #say: Say;
  readonly #told = new Map<string, number>();
  /** Reports of a check of loads and stores that were not suppressed. */
  readonly #accesses: MemcheckReport[] = [];
  #problems = 0;
  #suppressed = 0;
  #repeated = 0;

  constructor(frames: ProgramFrames, suppressions: Suppressions, say: Say) {
    this.#frames = frames;
    this.#suppressions = suppressions;
    this.#say = say;
  }

  get counts(): ProblemCounts {
    const same = [...this.#told.values()].reduce((sum, times) => sum + Math.max(0, times - SAME_TOLD_MAX), 0);
    const repeated = this.#repeated + same;
    return { problems: this.#problems, repeated, suppressed: this.#suppressed };
  }

  /** A bug that a heap with debugging has found. */
  bug(report: BugReport): void {
    const found = this.#frames.framesOf(report.stack);
    const { allocated, freed } = report.block ?? {};
    const tracks = [allocated, freed].flatMap((track) => (track === undefined ? [] : [this.#shown(track)]));
    const block = report.block && { ...report.block, allocated: this.#track(allocated), freed: this.#track(freed) };
    const { cache, reason, bytes, address, dump, fix } = report;
    const shown = new BugReport({ cache, reason, bytes, address, block, dump, stack: found.join("\n"), fix });
    this.#add(kindOf(report), [found, ...tracks], shown.text());
  }

  /** What a program that is checked has done wrong. */
  access(report: MemcheckReport): void {
    const { frameAt } = this.#frames;
    const { stack, block } = report;
    const stacks = [stack, block?.allocated ?? [], block?.freed ?? []].map((calls) => calls.map(frameAt));
    if (this.#add(report.kind, stacks, report.text(frameAt))) this.#accesses.push(report);
  }

  /** Counts how often the accesses that were told have been made again; those of suppressed ones do not count. */
  countRepeats(repeatsOf: (report: MemcheckReport) => number): void {
    const repeats = this.#accesses.reduce((sum, report) => sum + repeatsOf(report), 0);
    this.#problems += repeats;
    this.#repeated += repeats;
  }

  /** Lost blocks of a program that is checked which are to be told, by who allocated them; each is a problem. */
  lost(sites: readonly MemcheckSite[]): MemcheckSite[] {
    return sites.filter(({ stack }) => {
      const isKnown = this.#suppressions.covers("leak", [stack.map(this.#frames.frameAt)]);
      if (isKnown) this.#suppressed++;
      else this.#problems++;
      return !isKnown;
    });
  }

  /** A call that a plain heap refuses. */
  misuse(error: KmemError): void {
    const found = this.#frames.framesOf(error.stack ?? "");
    const kind = MISUSE_KINDS[error.code] ?? "invalid-use";
    this.#add(kind, [found], [`BUG: ${error.message}`, ...found.map((frame) => `\t${frame}`)].join("\n"));
  }

  /** What is left of the heap at the end cannot be looked at: the program has written over its tables. */
  unchecked({ message }: KmemError): void {
    this.#add("overwrite", [], `BUG: the heap's own tables are overwritten, and its end cannot be checked: ${message}`);
  }

  /** Sites of lost blocks that are to be told; each is a problem. */
  leaks(sites: readonly AllocationSite[]): AllocationSite[] {
    return sites.flatMap((site) => {
      const stack = this.#frames.framesOf(site.stack);
      if (this.#suppressions.covers("leak", [stack])) {
        this.#suppressed++;
        return [];
      }
      this.#problems++;
      return [{ ...site, stack: stack.join("\n") }];
    });
  }

  /** A site as it is shown, which is no problem. */
  shown(site: AllocationSite): AllocationSite {
    return { ...site, stack: this.#frames.framesOf(site.stack).join("\n") };
  }

  /** Whether the problem counts: it is not suppressed. */
  #add(kind: ProblemKind, stacks: readonly (readonly string[])[], text: string): boolean {
    if (this.#suppressions.covers(kind, stacks)) {
      this.#suppressed++;
      return false;
    }
    this.#problems++;
    const key = `${kind}\n${stacks.map((stack) => stack.join("\n")).join("\n\n")}`;
    const times = (this.#told.get(key) ?? 0) + 1;
    this.#told.set(key, times);
    if (times <= SAME_TOLD_MAX) this.#say(text);
    return true;
  }

  #shown({ stack }: Track): string[] {
    return this.#frames.framesOf(stack);
  }

  #track(track: Track | undefined): Track | undefined {
    return track && { ...track, stack: this.#shown(track).join("\n") };
  }
}

const MISUSE_KINDS: Readonly<Record<string, ProblemKind>> = {
  DOUBLE_FREE: "double-free",
  INVALID_FREE: "invalid-free",
  INVALID_ADDRESS: "invalid-use",
};

function kindOf({ reason, bytes, fix }: BugReport): ProblemKind {
  if (bytes !== undefined || reason.startsWith("Object padding")) return "overwrite";
  if (reason === "Object already free") return "double-free";
  // What is done about a free is that it is not done.
  return fix === undefined ? "invalid-use" : "invalid-free";
}
