const BINARY_STEP = 1024;
/** Steps between ticks, as factors of a power. */
const STEPS = [1, 2, 5] as const;
const BINARY_STEPS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] as const;
const TICKS_MIN = 3;

/** Round values from 0 to a most one, a few of them. */
export function ticks(most: number, countMax = 6): number[] {
  return ticksOf(most, countMax, (power) => STEPS.map((step) => step * 10 ** power));
}

/** The same of bytes: round in KiB, MiB and so on. */
export function byteTicks(most: number, countMax = 6): number[] {
  return ticksOf(most, countMax, (power) => BINARY_STEPS.map((step) => step * BINARY_STEP ** power));
}

function ticksOf(most: number, countMax: number, stepsOf: (power: number) => number[]): number[] {
  if (!(most > 0)) return [0];
  for (let power = 0; ; power += 1) {
    for (const step of stepsOf(power)) {
      const count = Math.floor(most / step) + 1;
      if (count <= countMax) return Array.from({ length: Math.max(count, TICKS_MIN - 1) }, (_, index) => index * step);
    }
  }
}

/** A number in a drawing: two digits after the point are finer than any eye. */
export function place(value: number): string {
  return String(Math.round(value * 100) / 100);
}
