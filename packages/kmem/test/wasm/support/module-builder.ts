import { ByteWriter } from "../../../src/wasm/binary/bytes.ts";

export const I32 = 0x7f;
export const I64 = 0x7e;

/** A function of a module that is built: its body is without its last end. */
export interface BuiltFunction {
  readonly params: readonly number[];
  readonly results: readonly number[];
  /** How many locals of a word it has besides. */
  readonly locals?: number;
  readonly code: readonly number[];
  /** All of its body, its locals and its last end too, in place of `code` and `locals`. */
  readonly body?: Uint8Array;
  readonly name?: string;
  readonly exportAs?: string;
  /** Its type is an open one of its own, which no function has by another module's types. */
  readonly isOpenType?: true;
}

export interface BuiltModule {
  readonly imports?: readonly { module: string; name: string; params: readonly number[]; results: readonly number[] }[];
  readonly functions: readonly BuiltFunction[];
  /** Functions that are in the table. */
  readonly elements?: readonly number[];
  /** The name that the table is exported by; default: it is not. */
  readonly exportTable?: string;
  readonly start?: number;
  /** Functions that are exported besides, imports too. */
  readonly exports?: readonly { readonly name: string; readonly index: number }[];
  readonly memory?: {
    readonly pages: number;
    readonly maximum?: number;
    readonly is64?: boolean;
    /** log2 of the bytes of a page, where it has not 64 KiB. */
    readonly pageShift?: number;
    readonly hidden?: true;
    /** Whether it is `env.memory`; else the module has its own. */
    readonly isImported?: boolean;
    readonly isShared?: boolean;
    /** Default "memory". */
    readonly exportAs?: string;
  };
  readonly data?: readonly {
    /** Data without an address is passive: memory.init puts it somewhere. */
    readonly address?: number;
    readonly bytes: readonly number[];
    /** The expression that says the address, in place of a constant. */
    readonly offset?: readonly number[];
  }[];
  /** Globals of i32 that are `env.NAME` and cannot change: the first ones. */
  readonly importedGlobals?: readonly string[];
  /** Globals of i32, each with its name if it is exported. */
  readonly globals?: readonly { readonly value: number; readonly isMutable: boolean; readonly exportAs?: string }[];
  /** Custom sections at the end. */
  readonly custom?: readonly { readonly name: string; readonly bytes: readonly number[] }[];
}

/** Instructions, for bodies. */
export const op = {
  get: (local: number): number[] => [0x20, ...leb(local)],
  set: (local: number): number[] => [0x21, ...leb(local)],
  tee: (local: number): number[] => [0x22, ...leb(local)],
  i32: (value: number): number[] => [0x41, ...signedLeb(value)],
  i64: (value: number): number[] => [0x42, ...signedLeb(value)],
  call: (index: number, bytes = 1): number[] => [0x10, ...leb(index, bytes)],
  load: (offset = 0): number[] => [0x28, 2, ...leb(offset)],
  load8: (offset = 0): number[] => [0x2d, 0, ...leb(offset)],
  store: (offset = 0): number[] => [0x36, 2, ...leb(offset)],
  add: [0x6a],
  sub: [0x6b],
  mul: [0x6c],
  and: [0x71],
  lessOrEqual: [0x4d],
  ifVoid: [0x04, 0x40],
  end: [0x0b],
  drop: [0x1a],
  return: [0x0f],
  unreachable: [0x00],
} as const;

export function leb(value: number, leastBytes = 1): number[] {
  const writer = new ByteWriter();
  writer.u32(value, leastBytes);
  return [...writer.written];
}

export function signedLeb(value: number): number[] {
  const writer = new ByteWriter();
  writer.s32(value | 0);
  return [...writer.written];
}

const vector = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const text = (value: string): number[] => {
  const writer = new ByteWriter();
  writer.name(value);
  return [...writer.written];
};
const section = (id: number, contents: readonly number[]): number[] => [id, ...leb(contents.length), ...contents];

/** The bytes of a module. */
export function buildModule(built: BuiltModule): Uint8Array<ArrayBuffer> {
  const { imports = [], functions, memory = { pages: 2 }, globals = [], importedGlobals = [] } = built;
  const types: string[] = [];
  const typeIndex = (params: readonly number[], results: readonly number[], isOpen = false): number[] => {
    const key = JSON.stringify([params, results, isOpen]);
    if (!types.includes(key)) types.push(key);
    return leb(types.indexOf(key));
  };
  const importEntries = imports.map((one) => [
    ...text(one.module),
    ...text(one.name),
    0,
    ...typeIndex(one.params, one.results),
  ]);
  const functionEntries = functions.map((one) => typeIndex(one.params, one.results, one.isOpenType));
  const word = memory.is64 === true ? I64 : I32;
  const flags =
    (memory.maximum === undefined ? 0 : 1) +
    (memory.isShared === true ? 2 : 0) +
    (memory.is64 === true ? 4 : 0) +
    (memory.pageShift === undefined ? 0 : 8);
  const limits = [
    flags,
    ...leb(memory.pages),
    ...(memory.maximum === undefined ? [] : leb(memory.maximum)),
    ...(memory.pageShift === undefined ? [] : leb(memory.pageShift)),
  ];
  const memoryEntry = memory.isImported === true ? [[...text("env"), ...text("memory"), 2, ...limits]] : [];
  const globalEntries = importedGlobals.map((name) => [...text("env"), ...text(name), 3, I32, 0]);
  const { exportTable } = built;
  const exports = [
    ...(exportTable === undefined ? [] : [[...text(exportTable), 1, 0]]),
    ...(memory.hidden ? [] : [[...text(memory.exportAs ?? "memory"), 2, 0]]),
    ...functions.flatMap(({ exportAs }, index) =>
      exportAs === undefined ? [] : [[...text(exportAs), 0, ...leb(imports.length + index)]],
    ),
    ...(built.exports ?? []).map(({ name, index }) => [...text(name), 0, ...leb(index)]),
    ...globals.flatMap(({ exportAs }, index) =>
      exportAs === undefined ? [] : [[...text(exportAs), 3, ...leb(importedGlobals.length + index)]],
    ),
  ];
  const bodies = functions.map(({ locals = 0, code, body: whole }) => {
    const body = whole ?? [...(locals === 0 ? [0] : [1, ...leb(locals), word]), ...code, 0x0b];
    return [...leb(body.length), ...body];
  });
  const { elements, start, data = [], custom = [] } = built;
  const origin = memory.is64 === true ? op.i64 : op.i32;
  const segments = data.map(({ address, bytes, offset }) => {
    const place = address === undefined ? [1] : [0, ...(offset ?? origin(address)), 0x0b];
    return [...place, ...leb(bytes.length), ...bytes];
  });
  const sections = [
    section(2, vector([...importEntries, ...memoryEntry, ...globalEntries])),
    section(3, vector(functionEntries)),
    ...(elements === undefined ? [] : [section(4, vector([[0x70, 0, ...leb(elements.length)]]))]),
    ...(memory.isImported === true ? [] : [section(5, vector([limits]))]),
    section(6, vector(globals.map(({ value, isMutable }) => [I32, Number(isMutable), ...op.i32(value), 0x0b]))),
    section(7, vector(exports)),
    ...(start === undefined ? [] : [section(8, leb(start))]),
    ...(elements === undefined
      ? []
      : [section(9, vector([[0, 0x41, 0, 0x0b, ...vector(elements.map((one) => leb(one)))]]))]),
    ...(data.some(({ address }) => address === undefined) ? [section(12, leb(data.length))] : []),
    section(10, vector(bodies)),
    section(11, vector(segments)),
    ...nameSection(imports.length, functions),
    ...custom.map(({ name, bytes }) => section(0, [...text(name), ...bytes])),
  ];
  const typeEntries = types.map((key) => {
    const [params, results, isOpen] = JSON.parse(key) as [number[], number[], boolean];
    return [
      ...(isOpen ? [0x50, 0] : []),
      0x60,
      ...vector(params.map((one) => [one])),
      ...vector(results.map((one) => [one])),
    ];
  });
  const all = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(1, vector(typeEntries)), ...sections.flat()];
  return Uint8Array.from(all);
}

function nameSection(importCount: number, functions: readonly BuiltFunction[]): number[][] {
  const named = functions.flatMap(({ name }, index) =>
    name === undefined ? [] : [[...leb(importCount + index), ...text(name)]],
  );
  if (named.length === 0) return [];
  const part = vector(named);
  return [section(0, [...text("name"), 1, ...leb(part.length), ...part])];
}
