import type { Event } from "./machine.ts";

/** One turn: the thread runs up to its access of this number, which it does not make yet; 0: as far as it goes. */
export interface Turn {
  readonly thread: number;
  readonly stopAt: number;
}

/**
 * The turns of a run: first each thread up to its first step, then who made steps for how long. They name accesses by
 * their number within their thread, counting all of them, so that they mean the same whatever else an exploration knows
 * about shared places.
 */
export function turnsOf(events: readonly Pick<Event, "thread" | "ordinal">[], threadCount: number): Turn[] {
  const turns: Turn[] = [];
  // From the end, so that the next access of each thread is known.
  const next: number[] = new Array(threadCount).fill(0);
  for (let number = events.length - 1; number >= 0; number--) {
    const { thread, ordinal } = events[number] as Event;
    if (events[number + 1]?.thread !== thread) turns.push({ thread, stopAt: next[thread] as number });
    next[thread] = ordinal;
  }
  return [...next.map((stopAt, thread) => ({ thread, stopAt })), ...turns.reverse()];
}

/** `0:12 1:7 0 1`: thread 0 up to its access 12, thread 1 up to its access 7, then both to their ends. */
export function formatTurns(turns: readonly Turn[]): string {
  return turns.map(({ thread, stopAt }) => (stopAt === 0 ? `${thread}` : `${thread}:${stopAt}`)).join(" ");
}

export function parseTurns(text: string): Turn[] {
  return text
    .trim()
    .split(/\s+/)
    .filter((turn) => turn !== "")
    .map((turn) => {
      const [thread = "", stopAt = "0"] = turn.split(":");
      return { thread: Number(thread), stopAt: Number(stopAt) };
    });
}
