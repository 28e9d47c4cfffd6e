const HEX = 16;
const HALF_DIGITS = 8;
const DIGITS = 16;
const HEX_TEXT = /^[0-9a-fA-F]{1,16}$/;
const DECIMAL_TEXT = /^\d{1,20}$/;
const LIMIT_64 = 1n << 64n;

/** A 64-bit address in two halves. */
export class Word {
  high = 0;
  low = 0;

  /** Takes hexadecimal digits without a prefix; answers whether they are an address. */
  setHex(digits: string): boolean {
    if (!HEX_TEXT.test(digits)) return false;
    const split = Math.max(0, digits.length - HALF_DIGITS);
    this.high = split === 0 ? 0 : Number.parseInt(digits.slice(0, split), HEX) | 0;
    this.low = Number.parseInt(digits.slice(split), HEX) | 0;
    return true;
  }

  /** Takes an address as tools print it: `0x1f`, `(nil)`, `NULL`, a decimal number, or bare digits of full width. */
  set(text: string): boolean {
    if (text.startsWith("0x") || text.startsWith("0X")) return this.setHex(text.slice(2));
    if (text === "(nil)" || text === "nil" || text === "NULL" || text === "(null)") {
      this.setNumber(0);
      return true;
    }
    if (text.length === DIGITS || /[a-fA-F]/.test(text)) return this.setHex(text);
    if (!DECIMAL_TEXT.test(text)) return false;
    const value = BigInt(text);
    if (value >= LIMIT_64) return false;
    this.high = Number(value >> 32n) | 0;
    this.low = Number(value & 0xffff_ffffn) | 0;
    return true;
  }

  /** Takes a whole number from 0 below 2^53. */
  setNumber(value: number): void {
    this.high = Math.floor(value / 2 ** 32) | 0;
    this.low = value | 0;
  }

  copy(other: Word): void {
    this.high = other.high;
    this.low = other.low;
  }
}

/** A size as tools print it, decimal or hexadecimal after 0x; NaN where it is none. */
export function sizeOf(text: string | undefined): number {
  return text === undefined || text === "" ? Number.NaN : Number(text);
}

/** log2 of an alignment that is a power of two; 0 otherwise. */
export function log2Of(alignment: number): number {
  const log2 = Math.log2(alignment);
  return Number.isInteger(log2) && log2 >= 0 && log2 < 32 ? log2 : 0;
}
