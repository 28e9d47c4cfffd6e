import type { ProcessCommand } from "../system/run-process.ts";
import type { Job } from "./jobs.ts";

/** An allocator that can take part in a replay. */
export interface Contender {
  readonly name: string;
  /** Other names that it goes by. */
  readonly aliases?: readonly string[];
  /** Whether it takes part only where it is named. */
  readonly isByNameOnly?: boolean;
  /** Whether it is machine code outside of JavaScript; `--no-native` leaves those out. */
  readonly isNative: boolean;
  /** Whether `--check` can look into it. */
  readonly canCheck: boolean;
  /** What is wrong with a file that the user has named for it, in a sentence: nothing is replayed then. */
  findProblem?(): Promise<string | undefined>;
  /** Makes everything ready for its processes, or says in a sentence why it cannot run on this machine. */
  prepare(): Promise<ReadyContender | Absence>;
}

/** A contender of which processes can be started. */
export interface ReadyContender {
  readonly name: string;
  readonly isNative: boolean;
  readonly canCheck: boolean;
  /** What exactly it is: a version, or the file of a library. */
  readonly version: string;
  /** What must be known to read its figures. */
  readonly note?: string;
  /** Of one in JavaScript: the URL of its module. A native one is the malloc of a C program. */
  readonly module?: string;
  /** Variables of the environment of its processes besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether its heaps can be given a memory of any size: `memoryBytes` of a job, and jobs to find what it fits in. */
  readonly canLimit?: boolean;
  /** Of one that is too slow for whole workloads: how long one process may time or account. */
  readonly limitMs?: number;
  /** The command that does one job and writes its result as JSON. */
  command(job: Job): ProcessCommand;
}

/** Why a contender does not take part. */
export interface Absence {
  readonly name: string;
  readonly reason: string;
}

/** Those that take part when nobody says which. */
export function defaultContenders(known: readonly Contender[]): Contender[] {
  return known.filter(({ isByNameOnly }) => isByNameOnly !== true);
}

export function isReady(prepared: ReadyContender | Absence): prepared is ReadyContender {
  return "command" in prepared;
}
