/** A word that nobody who knows allocators would guess, and the field's own. */
export interface BannedWord {
  readonly pattern: RegExp;
  readonly instead: string;
}

/** Not in sources, tests or documents. The list grows as more of them are gone. */
const BANNED_WORDS: readonly BannedWord[] = [
  { pattern: /\boccasions?\b|giveWay|isPressing/i, instead: "memory pressure, epoch, reclaim" },
  { pattern: /\bmourn/i, instead: "death detection, liveness" },
  { pattern: /\bheirs?\b|inheritLocks/i, instead: "lock takeover, lock recovery" },
  { pattern: /\b(?:bury|buries|buried|vacate[sd]?)\b/i, instead: "mark as dead, release" },
  {
    pattern: /RestingLayers|\b(?:take|put)Past\b|countStale|noteLevel|whyNot\b|seeAll\b|\bisMine\b/,
    instead: "what it is",
  },
  { pattern: /\bmend(?:s|ed|ing)?\b/i, instead: "repair" },
  { pattern: /\brecall(?:s|ed|ing)?\b/i, instead: "close (a sheaf)" },
  { pattern: /\bmade by hand\b/i, instead: "named (of a cache)" },
  { pattern: /\bturns? slow\b/i, instead: "takes the slow path" },
  { pattern: /\boutboxes\b|OUTBOX_/i, instead: "remote sheaf" },
  { pattern: /\bkept runs?\b|KeptRuns/i, instead: "run cache, cached run" },
  {
    pattern: /\b(?:Killing|Labour|Fate|Worlds|Piece|Standstill)\b/,
    instead: "plan, workload, outcome, configuration, allocation",
  },
];

/** One line for each banned word of a text. */
export function wordFaults(path: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) =>
    BANNED_WORDS.flatMap(({ pattern, instead }) => {
      const [word] = pattern.exec(line) ?? [];
      return word === undefined ? [] : [`${path}:${index + 1} has "${word}"; say ${instead}`];
    }),
  );
}
