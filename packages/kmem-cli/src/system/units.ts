const BYTES_PER_STEP = 1024;
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
const SIGNIFICANT_DIGITS = 3;

const wholeNumber = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A number with three digits that mean something; whole from 100 on. */
export function threeDigits(value: number): string {
  const wholeDigits = Math.abs(value) < 1 ? 1 : Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toFixed(Math.max(0, SIGNIFICANT_DIGITS - wholeDigits));
}

/** Bytes in the largest unit of which there is at least one: `512 B`, `4.19 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= BYTES_PER_STEP && unit < BYTE_UNITS.length - 1) {
    value /= BYTES_PER_STEP;
    unit += 1;
  }
  return `${unit === 0 ? formatCount(value) : threeDigits(value)} ${BYTE_UNITS[unit]}`;
}

/** A count with its thousands set apart: `5,000,000`. */
export function formatCount(count: number): string {
  return wholeNumber.format(count);
}

/** A count and its noun: `1 line`, `2 lines`. */
export function formatCounted(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** A share: `4.6 %`; whole from 100 % on. */
export function formatPercent(percent: number): string {
  const digits = Math.abs(percent) < 100 ? 1 : 0;
  return `${percent.toFixed(digits)} %`;
}
