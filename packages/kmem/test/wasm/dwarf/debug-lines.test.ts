import { describe, expect, it } from "vitest";
import { WasmModule } from "../../../src/wasm/binary/module.ts";
import { programFrames } from "../../../src/wasm/index.ts";
import { Random } from "../../support/random.ts";
import { buildModule, leb, op, signedLeb } from "../support/module-builder.ts";

const u16 = (value: number): number[] => [value & 255, (value >>> 8) & 255];
const u32 = (value: number): number[] => [...u16(value), ...u16(value >>> 16)];
const text = (value: string): number[] => [...Buffer.from(value), 0];

/** Lengths of the operands of the opcodes from 1 on, as compilers write them. */
const OPERANDS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
const LINE_BASE = -5;
const LINE_RANGE = 14;
const OPCODE_BASE = OPERANDS.length + 1;

/** The files of all versions: "main.c" in the folder of the compilation, and "lib/list.c". */
function filesOf(version: number): number[] {
  if (version < 5) {
    const files = [...text("main.c"), 0, 0, 0, ...text("list.c"), 1, 0, 0, 0];
    return [...text("lib"), 0, ...files];
  }
  const directories = [1, 1, 0x08, 2, ...text("/home/me"), ...text("lib")];
  // A path of .debug_line_str, a directory, and a checksum that is passed over.
  const entry = (offset: number, directory: number): number[] => [
    ...u32(offset),
    directory,
    ...new Array<number>(16).fill(9),
  ];
  const files = [3, 1, 0x1f, 2, 0x0b, 5, 0x1e, 3, ...entry(0, 0), ...entry(0, 0), ...entry(7, 1)];
  return [...directories, ...files];
}

function unitOf(version: number, program: readonly number[]): number[] {
  const rest = [
    1,
    ...(version >= 4 ? [1] : []),
    1,
    LINE_BASE & 255,
    LINE_RANGE,
    OPCODE_BASE,
    ...OPERANDS,
    ...filesOf(version),
  ];
  const unit = [...u16(version), ...(version >= 5 ? [4, 0] : []), ...u32(rest.length), ...rest, ...program];
  return [...u32(unit.length), ...unit];
}

const setAddress = (address: number): number[] => [0, 5, 2, ...u32(address)];
const endAt = (bytes: number): number[] => [2, ...leb(bytes), 0, 1, 1];
const special = (addressBytes: number, lines: number): number =>
  OPCODE_BASE + lines - LINE_BASE + LINE_RANGE * addressBytes;

/** Rows: 10 is main.c:7:3, 14 is main.c:9:3, 20 is lib/list.c:100, 24 is of no line, up to 30. */
const PROGRAM: readonly number[] = [
  ...setAddress(10),
  ...[5, 3, 3, ...signedLeb(6), 1],
  special(4, 2),
  ...[4, 2, 5, 0, 3, ...signedLeb(91), 9, ...u16(6), 1],
  ...[3, ...signedLeb(-100), 2, 4, 1],
  ...endAt(6),
];
/** What a linker leaves of a function that it has left out. */
const DEAD: readonly number[] = [...setAddress(0), 3, ...signedLeb(500), 1, ...endAt(60)];

function moduleWith(debugLine: readonly number[]): Uint8Array<ArrayBuffer> {
  return buildModule({
    functions: [{ params: [], results: [], code: [...op.i32(1), ...op.drop], name: "work", exportAs: "work" }],
    custom: [
      { name: ".debug_line_str", bytes: [...text("main.c"), ...text("list.c")] },
      { name: ".debug_line", bytes: debugLine },
    ],
  });
}

/** What a frame at each address of the code section is shown as, in the brackets. */
function placesOf(bytes: Uint8Array, addresses: readonly number[]): string[] {
  const code = new WasmModule(bytes).sections.find(({ id }) => id === 10)?.start ?? 0;
  const { mapFrame } = programFrames(bytes);
  return addresses.map((address) => {
    const frame = `at work (wasm://wasm/0a1b2c3d:wasm-function[0]:0x${(code + address).toString(16)})`;
    return /\((.*)\)/.exec(mapFrame(frame))?.[1] ?? "";
  });
}

describe.each([2, 3, 4, 5])("lines of DWARF %i", (version) => {
  it("are those of the last row before an address, in its file", () => {
    const bytes = moduleWith([...unitOf(version, DEAD), ...unitOf(version, PROGRAM)]);
    expect(placesOf(bytes, [10, 13, 14, 19, 20, 23])).toEqual([
      "main.c:7:3",
      "main.c:7:3",
      "main.c:9:3",
      "main.c:9:3",
      "lib/list.c:100",
      "lib/list.c:100",
    ]);
    for (const place of placesOf(bytes, [0, 9, 24, 29, 30, 1000])) expect(place).toMatch(/^byte 0x/);
  });

  it("are found after a unit that is malformed, and not after one that has no end", () => {
    const broken = unitOf(version, PROGRAM);
    broken[4] = 99;
    expect(placesOf(moduleWith([...broken, ...unitOf(version, PROGRAM)]), [10])).toEqual(["main.c:7:3"]);
    const endless = [...u32(0x00ff_ffff), ...unitOf(version, PROGRAM).slice(4)];
    expect(placesOf(moduleWith([...endless, ...unitOf(version, PROGRAM)]), [10])).toEqual([
      expect.stringMatching(/^byte/),
    ]);
  });

  it("say nothing, or something, but never fail or go on for ever where bytes are altered", () => {
    const random = new Random(version);
    const good = [...unitOf(version, PROGRAM), ...unitOf(version, PROGRAM)];
    for (let cut = 0; cut < good.length; cut++) placesOf(moduleWith(good.slice(0, cut)), [10]);
    for (let turn = 0; turn < 1500; turn++) {
      const altered = [...good];
      for (let count = 1 + random.below(4); count > 0; count--) {
        altered[random.below(altered.length)] = [0, 1, 0x7f, 0x80, 0xff, random.below(256)][random.below(6)] as number;
      }
      for (const place of placesOf(moduleWith(altered), [0, 10, 21, 0xffff_ffff])) expect(typeof place).toBe("string");
    }
  });
});

describe("frames of a program", () => {
  const bytes = moduleWith(unitOf(4, PROGRAM));
  const { mapFrame, framesOf } = programFrames(bytes);

  it("have the names that the module has for functions, and numbers without", () => {
    expect(mapFrame("at wasm://wasm/12:wasm-function[0]:0x1")).toBe("at work (byte 0x1)");
    expect(mapFrame("    at wasm://wasm/12:wasm-function[7]:0x1f")).toBe("at function 7 (byte 0x1f)");
    expect(mapFrame("at a (b) c (wasm://wasm/12:wasm-function[7]:0x1f)")).toBe("at a (b) c (byte 0x1f)");
  });

  it("are told from all other lines, which stay", () => {
    const others = ["Error: x", "at f (file:///a.js:1:2)", "", "at x (wasm-function[1]:0xzz)", "a".repeat(10_000)];
    for (const line of others) expect(mapFrame(line)).toBe(line);
    const stack = ["Error", "at malloc (file:///c.js:1:2)", "at wasm://wasm/12:wasm-function[0]:0x1", "at node:wasi:1"];
    expect(framesOf(stack.join("\n    "))).toEqual(["at work (byte 0x1)"]);
  });
});
