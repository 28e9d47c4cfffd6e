import { KmemError } from "../../src/index.ts";
import type { Refusal } from "./rows.ts";
import type { World } from "./worlds.ts";

/** What came of a call. */
export type Outcome =
  | { readonly end: "answered"; readonly result: unknown }
  | { readonly end: "refused"; readonly code: string }
  /** It threw what is no error of the library's. */
  | { readonly end: "untyped"; readonly error: unknown };

/** Steps of a generator that a call may give. */
const STEPS_MAX = 100_000;

function thrown(error: unknown): Outcome {
  return error instanceof KmemError ? { end: "refused", code: error.code } : { end: "untyped", error };
}

function exhaust(result: unknown): void {
  if (typeof (result as Iterator<unknown> | undefined)?.next !== "function") return;
  const steps = result as Iterator<unknown>;
  for (let step = 0; step < STEPS_MAX; step++) if (steps.next().done === true) return;
}

/** Calls, and follows promises and generators to their ends. */
export async function outcomeOf(call: (...args: unknown[]) => unknown, args: readonly unknown[]): Promise<Outcome> {
  try {
    const result = call(...args);
    if (result instanceof Promise) return { end: "answered", result: (await result) as unknown };
    exhaust(result);
    return { end: "answered", result };
  } catch (error) {
    return thrown(error);
  }
}

/** The bytes of all memories of a world, to see whether they change. */
export class Snapshot {
  readonly #views: readonly Uint8Array[];
  readonly #copies: readonly Uint8Array[];

  constructor({ memories }: World) {
    this.#views = memories.map((memory) => new Uint8Array(memory));
    this.#copies = this.#views.map((view) => view.slice());
  }

  /** The first byte that has changed, -1 for none. */
  difference(): number {
    for (const [index, view] of this.#views.entries()) {
      const copy = this.#copies[index]!;
      if (Buffer.compare(view, copy) !== 0) return view.findIndex((byte, at) => byte !== copy[at]);
    }
    return -1;
  }
}

/** How an outcome breaks the rule that what is wrong is refused, undefined where it does not. */
export function faultOf(
  outcome: Outcome,
  refusal: Refusal,
  isAccepted: boolean,
  changedAt: number,
): string | undefined {
  if (outcome.end === "untyped") return `threw ${describeError(outcome.error)}`;
  if (outcome.end === "refused") {
    if (refusal !== "throws" && !isAccepted) return `threw ${outcome.code} where nothing throws`;
    // Whoever looks for memory may have reclaimed some on the way.
    return changedAt >= 0 && outcome.code !== "OUT_OF_MEMORY"
      ? `refused by ${outcome.code}, byte ${changedAt} changed`
      : undefined;
  }
  if (isAccepted) return undefined;
  if (refusal === "throws" || !refusal.includes(outcome.result)) return `was taken: ${resultText(outcome.result)}`;
  return changedAt >= 0 ? `answered ${resultText(outcome.result)}, byte ${changedAt} changed` : undefined;
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return "what is no error";
  const where = error.stack?.split("\n").find((line) => line.includes("/src/")) ?? "";
  return `${error.name} (${error.message.split("\n")[0]}) ${where.trim()}`;
}

function resultText(result: unknown): string {
  return typeof result === "object" && result !== null ? "an object" : String(result);
}
