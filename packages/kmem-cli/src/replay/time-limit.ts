import process from "node:process";

/** Operations between two looks at the clock: few for the slowest allocators, many for the price of a look. */
export const OPS_PER_LOOK = 256;

const US_PER_MS = 1e3;

/** How long a process may go on; undefined: as long as it takes. */
interface Limits {
  readonly limitMs?: number | undefined;
  /** The same in the time that the processors spend on it: on a busy machine that is more than what a clock says. */
  readonly cpuLimitMs?: number | undefined;
}

/** Says when a process has gone on for long enough. */
export class TimeLimit {
  readonly #endMs: number;
  readonly #cpuEndMs: number;
  /** When the processor's time is worth a look, which costs more than the clock. */
  #cpuLookMs: number;
  #isOver = false;

  /** From now on. */
  constructor({ limitMs, cpuLimitMs }: Limits) {
    const nowMs = performance.now();
    this.#endMs = limitMs === undefined ? Number.POSITIVE_INFINITY : nowMs + limitMs;
    this.#cpuEndMs = cpuLimitMs === undefined ? Number.POSITIVE_INFINITY : cpuMs() + cpuLimitMs;
    this.#cpuLookMs = cpuLimitMs === undefined ? Number.POSITIVE_INFINITY : nowMs + cpuLimitMs;
  }

  /** Whether there is a limit at all. */
  get isSet(): boolean {
    return this.#endMs < Number.POSITIVE_INFINITY || this.#cpuEndMs < Number.POSITIVE_INFINITY;
  }

  /** Whether the time was over when somebody last looked. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Looks at the clock. */
  look(): boolean {
    this.#isOver ||= this.isSet && this.#isEnd(performance.now());
    return this.#isOver;
  }

  #isEnd(nowMs: number): boolean {
    if (nowMs >= this.#endMs) return true;
    if (nowMs < this.#cpuLookMs) return false;
    const leftMs = this.#cpuEndMs - cpuMs();
    // Other threads of the process may use it up faster than the clock goes, but that they are idle is the rule.
    this.#cpuLookMs = nowMs + leftMs;
    return leftMs <= 0;
  }
}

/** What the processors have spent on this process. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / US_PER_MS;
}

/** What a result says of how much was done; nothing when everything was. */
export function coverage(doneCount: number, opCount: number): { readonly coveredShare?: number } {
  return doneCount < opCount ? { coveredShare: doneCount / opCount } : {};
}
