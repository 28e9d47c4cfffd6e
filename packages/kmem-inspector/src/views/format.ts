const COUNT = new Intl.NumberFormat("en");
const UNIT_BYTES = 1024;
const UNITS = ["bytes", "KiB", "MiB", "GiB"];
const PERCENT = 100;

/** A whole number with its thousands apart. */
export function formatCount(value: number): string {
  return COUNT.format(value);
}

/** Bytes in the unit that suits them, with three digits. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= UNIT_BYTES && unit < UNITS.length - 1) {
    value /= UNIT_BYTES;
    unit += 1;
  }
  if (unit === 0) return `${formatCount(value)} bytes`;
  return `${value.toFixed(value < 10 ? 2 : value < PERCENT ? 1 : 0)} ${UNITS[unit]}`;
}

/** A share in percent. */
export function formatPercent(share: number): string {
  return `${(PERCENT * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

const NS_PER_MS = 1e6;
const MS_PER_S = 1000;

/** A time from the beginning of a trace. */
export function formatNs(timeNs: number): string {
  const timeMs = timeNs / NS_PER_MS;
  return timeMs < MS_PER_S ? `${timeMs.toFixed(3)} ms` : `${(timeMs / MS_PER_S).toFixed(3)} s`;
}

/** An age. */
export function formatMs(timeMs: number): string {
  return timeMs < MS_PER_S ? `${Math.round(timeMs)} ms` : `${(timeMs / MS_PER_S).toFixed(1)} s`;
}
