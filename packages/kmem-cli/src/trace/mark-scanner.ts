import { BRACKET, COLON, LINE_FEED } from "./line-scan.ts";

/** Bytes that are looked through at once. */
export const BLOCK_BYTES = 131_072;

/** Finds the marks in text: line feeds, colons and opening brackets, by which lines and their parts are told apart. */
export interface MarkScanner {
  /** Where the marks of the last block stand, in their order: places in the bytes that they were looked for in. */
  readonly places: Uint32Array;
  /** Finds the marks in bytes[start … end - 1], at most {@link BLOCK_BYTES}; answers how many there are. */
  scan(bytes: Uint8Array, start: number, end: number): number;
}

/** The scanner of this engine: in WebAssembly, 16 bytes at once, or where that is not allowed byte by byte. */
export function newMarkScanner(): MarkScanner {
  return simdScanner() ?? byteScanner();
}

/** Scanners that nobody uses now: as many as ever were used at once, for each has a memory of its own. */
const idle: MarkScanner[] = [];

/** Lends a scanner for as long as a call takes. */
export function withMarkScanner(use: (scanner: MarkScanner) => void): void {
  const scanner = idle.pop() ?? newMarkScanner();
  try {
    use(scanner);
  } finally {
    idle.push(scanner);
  }
}

/** A scanner that needs nothing of the engine. */
export function byteScanner(): MarkScanner {
  const places = new Uint32Array(BLOCK_BYTES);
  const scan = (bytes: Uint8Array, start: number, end: number): number => {
    let count = 0;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at]!;
      if (byte !== LINE_FEED && byte !== COLON && byte !== BRACKET) continue;
      places[count] = at;
      count += 1;
    }
    return count;
  };
  return { places, scan };
}

const VECTOR_BYTES = 16;
const WASM_PAGE_BYTES = 65_536;
/** A block of text and a vector after it, then the places of its marks, four bytes each. */
const PLACES_START = 2 * BLOCK_BYTES;
const MEMORY_PAGES = (PLACES_START + 4 * BLOCK_BYTES) / WASM_PAGE_BYTES;

/** A scanner that compares 16 bytes at once; undefined where the engine refuses its module. */
export function simdScanner(): MarkScanner | undefined {
  try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
    const { memory, scan } = instance.exports as {
      memory: WebAssembly.Memory;
      scan: (byteCount: number, base: number) => number;
    };
    const text = new Uint8Array(memory.buffer, 0, BLOCK_BYTES + VECTOR_BYTES);
    return {
      places: new Uint32Array(memory.buffer, PLACES_START, BLOCK_BYTES),
      scan(bytes, start, end) {
        const byteCount = end - start;
        text.set(bytes.subarray(start, end));
        // The last vector reaches beyond the block: no mark of the block before may stand there.
        text.fill(0, byteCount, byteCount + VECTOR_BYTES);
        return scan(byteCount, start);
      },
    };
  } catch {
    return undefined;
  }
}

/** Numbers of the binary format of WebAssembly, by their names in its text. */
const Type = { I32: 0x7f, V128: 0x7b, FUNCTION: 0x60, EMPTY: 0x40 } as const;
const Section = { TYPE: 1, FUNCTION: 3, MEMORY: 5, EXPORT: 7, CODE: 10 } as const;
const ExportKind = { FUNCTION: 0, MEMORY: 2 } as const;
const Op = {
  BLOCK: 0x02,
  LOOP: 0x03,
  END: 0x0b,
  BR: 0x0c,
  BR_IF: 0x0d,
  LOCAL_GET: 0x20,
  LOCAL_SET: 0x21,
  LOCAL_TEE: 0x22,
  I32_STORE: 0x36,
  I32_CONST: 0x41,
  I32_EQZ: 0x45,
  I32_GE_U: 0x4f,
  I32_CTZ: 0x68,
  I32_ADD: 0x6a,
  I32_SUB: 0x6b,
  I32_AND: 0x71,
  I32_SHR_U: 0x76,
} as const;
const V128_LOAD = [0xfd, 0x00] as const;
const V128_CONST = [0xfd, 0x0c] as const;
const I8X16_EQ = [0xfd, 0x23] as const;
const V128_OR = [0xfd, 0x50] as const;
const I8X16_BITMASK = [0xfd, 0x64] as const;
/** Alignment 1 and 4 (as powers of two), and no offset. */
const UNALIGNED = [0, 0] as const;
const ALIGNED_4 = [2, 0] as const;
/** Parameters and locals of the function, by their index. */
const Local = { BYTE_COUNT: 0, BASE: 1, AT: 2, PLACE: 3, BITS: 4, VECTOR: 5 } as const;

/** `scan(byteCount, base)`: stores base + the place of each mark in the text at 0, and answers how many there are. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const get = (local: number): number[] => [Op.LOCAL_GET, local];
  const set = (local: number): number[] => [Op.LOCAL_SET, local];
  const constant = (value: number): number[] => [Op.I32_CONST, ...signedLeb(value)];
  const equals = (byte: number): number[] => [
    ...V128_CONST,
    ...new Array<number>(VECTOR_BYTES).fill(byte),
    ...I8X16_EQ,
  ];
  const { BYTE_COUNT, BASE, AT, PLACE, BITS, VECTOR } = Local;
  const storeMarks = [
    ...[Op.BLOCK, Type.EMPTY, Op.LOOP, Type.EMPTY],
    ...[...get(BITS), Op.I32_EQZ, Op.BR_IF, 1],
    ...[...get(PLACE), ...get(BASE), ...get(AT), Op.I32_ADD, ...get(BITS), Op.I32_CTZ, Op.I32_ADD],
    ...[Op.I32_STORE, ...ALIGNED_4],
    ...[...get(PLACE), ...constant(4), Op.I32_ADD, ...set(PLACE)],
    // The lowest bit goes: bits & (bits - 1).
    ...[...get(BITS), ...get(BITS), ...constant(1), Op.I32_SUB, Op.I32_AND, ...set(BITS)],
    ...[Op.BR, 0, Op.END, Op.END],
  ];
  const code = [
    ...[2, 3, Type.I32, 1, Type.V128],
    ...[...constant(PLACES_START), ...set(PLACE)],
    ...[Op.BLOCK, Type.EMPTY, Op.LOOP, Type.EMPTY],
    ...[...get(AT), ...get(BYTE_COUNT), Op.I32_GE_U, Op.BR_IF, 1],
    ...[...get(AT), ...V128_LOAD, ...UNALIGNED, Op.LOCAL_TEE, VECTOR, ...equals(LINE_FEED)],
    ...[...get(VECTOR), ...equals(COLON), ...V128_OR],
    ...[...get(VECTOR), ...equals(BRACKET), ...V128_OR, ...I8X16_BITMASK, ...set(BITS)],
    ...storeMarks,
    ...[...get(AT), ...constant(VECTOR_BYTES), Op.I32_ADD, ...set(AT)],
    ...[Op.BR, 0, Op.END, Op.END],
    ...[...get(PLACE), ...constant(PLACES_START), Op.I32_SUB, ...constant(2), Op.I32_SHR_U, Op.END],
  ];
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(Section.TYPE, [1, Type.FUNCTION, 2, Type.I32, Type.I32, 1, Type.I32]),
    ...section(Section.FUNCTION, [1, 0]),
    ...section(Section.MEMORY, [1, 0, MEMORY_PAGES]),
    ...section(Section.EXPORT, [2, ...exported("memory", ExportKind.MEMORY), ...exported("scan", ExportKind.FUNCTION)]),
    ...section(Section.CODE, [1, ...leb(code.length), ...code]),
  );
}

function section(number: number, content: readonly number[]): number[] {
  return [number, ...leb(content.length), ...content];
}

/** The first of a kind, by a name. */
function exported(name: string, kind: number): number[] {
  return [name.length, ...new TextEncoder().encode(name), kind, 0];
}

const LEB_BITS = 7;
const LEB_MASK = 0x7f;
const LEB_MORE = 0x80;

function leb(value: number): number[] {
  return value <= LEB_MASK ? [value] : [(value & LEB_MASK) | LEB_MORE, ...leb(value >>> LEB_BITS)];
}

/** A number from 0 on, as a signed one: its last byte has no sign. */
function signedLeb(value: number): number[] {
  return value < 1 << (LEB_BITS - 1) ? [value] : [(value & LEB_MASK) | LEB_MORE, ...signedLeb(value >>> LEB_BITS)];
}
