import type { HeapHandle } from "../../src/index.ts";
import type { Configuration } from "./configuration.ts";
import type { Tallies } from "./control.ts";

/** What a thread of the stress is started with. */
export interface StressOrders {
  readonly handle: HeapHandle;
  readonly configuration: Configuration;
  readonly seed: number;
  /** The place that the thread takes, and how many have had it before. */
  readonly party: number;
  readonly predecessors: number;
  /** The round that it joins. */
  readonly round: number;
  /** When the run may come to its end, in the milliseconds of `Date.now()`. */
  readonly deadlineMs: number;
  /** What all threads together must have done before. */
  readonly goals: Partial<Tallies>;
  readonly control: SharedArrayBuffer;
  readonly parties: number;
  readonly exchange: SharedArrayBuffer;
  readonly ledgers: readonly SharedArrayBuffer[];
}

/** What a thread says when it goes: it wants a successor in this round, has come to the end, or another one failed. */
export type StressReport =
  | { readonly name: "left"; readonly round: number }
  | { readonly name: "done" }
  | { readonly name: "aborted" };
