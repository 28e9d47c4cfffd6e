import type { LinearMemory } from "../memory/memory.ts";

const ROW_BYTES = 16;
const ADDRESS_DIGITS = 8;
const BYTE_DIGITS = 2;
const LABEL_CHARS = 9;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

const SAME = "*";

/** A stretch of memory to show, and what it is. */
export interface DumpSection {
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

/** Bytes to mark. */
export interface MarkedBytes {
  readonly from: number;
  readonly to: number;
}

/**
 * Rows of 16 bytes as SLUB prints them, their addresses and their ASCII; below a row with marked bytes a row of `^^`.
 * Rows that say the same as the one before are a single `*`.
 */
export function hexDump({ bytes }: LinearMemory, sections: readonly DumpSection[], marked?: MarkedBytes): string[] {
  return sections.flatMap(({ label, start, end }) => {
    const rows: string[] = [];
    let before = "";
    for (let at = start; at < end; at += ROW_BYTES) {
      const row = [...bytes.subarray(at, Math.min(at + ROW_BYTES, end))];
      const text = row.join();
      if (text === before && at + ROW_BYTES < end && !row.some((_, index) => isMarked(at + index, marked))) {
        if (rows.at(-1) !== SAME) rows.push(SAME);
        continue;
      }
      before = text;
      const head = `${label.padEnd(LABEL_CHARS)}${address(at)}: `;
      const digits = row.map((byte) => byte.toString(16).padStart(BYTE_DIGITS, "0")).join(" ");
      rows.push(`${head}${digits.padEnd(ROW_BYTES * (BYTE_DIGITS + 1))} ${row.map(character).join("")}`);
      const marks = row.map((_, index) => isMarked(at + index, marked));
      if (marks.includes(true)) {
        rows.push(`${" ".repeat(head.length)}${marks.map((is) => (is ? "^^" : "  ")).join(" ")}`.trimEnd());
      }
    }
    return rows;
  });
}

function isMarked(at: number, marked: MarkedBytes | undefined): boolean {
  return marked !== undefined && at >= marked.from && at < marked.to;
}

function address(at: number): string {
  return at.toString(16).padStart(ADDRESS_DIGITS, "0");
}

function character(byte: number): string {
  return byte >= FIRST_PRINTABLE && byte <= LAST_PRINTABLE ? String.fromCharCode(byte) : ".";
}
