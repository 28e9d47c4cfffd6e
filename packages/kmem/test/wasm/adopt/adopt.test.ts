import { describe, expect, it } from "vitest";
import { KmemError } from "../../../src/index.ts";
import { WasmModule } from "../../../src/wasm/binary/module.ts";
import { readNames } from "../../../src/wasm/binary/names.ts";
import { adopt } from "../../../src/wasm/index.ts";
import { type BuiltFunction, buildModule, I32, I64, op } from "../support/module-builder.ts";
import { instantiated, toyFree, toyMalloc, wordFunction } from "../support/toy-allocator.ts";

const called = (index: number, size: number): number[] => [...op.i32(size), ...op.call(index)];

/** The refusal that a call throws. */
function refusal(call: () => unknown): { code: string; details: Record<string, unknown>; message: string } {
  try {
    call();
  } catch (error) {
    if (error instanceof KmemError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a module that exports malloc and free", () => {
  const functions = [
    toyMalloc({ exportAs: "malloc", name: "malloc" }),
    toyFree({ exportAs: "free", name: "free" }),
    wordFunction(0, [...called(0, 40), ...op.call(1), ...op.i32(7)], { exportAs: "run", name: "run" }),
  ];

  it("imports them instead, for its own calls and for its exports", () => {
    const adopted = adopt(buildModule({ functions }));
    expect(adopted.imports).toEqual(["malloc", "free"]);
    const { exported, calls } = instantiated(adopted);
    expect(exported["run"]!()).toBe(7);
    expect(exported["malloc"]!(12)).toBe(0x8000 + 48);
    expect(calls).toEqual(["malloc(40)", "free(32768)", "malloc(12)"]);
  });

  it("says what was found, and by what", () => {
    const { found, memory, harmless, flagsTestCount } = adopt(buildModule({ functions }));
    expect(found).toEqual([
      { role: "malloc", functionIndex: 0, evidence: "export", name: "malloc" },
      { role: "free", functionIndex: 1, evidence: "export", name: "free" },
    ]);
    expect(harmless).toEqual([]);
    expect(flagsTestCount).toBe(0);
    expect(memory).toEqual({
      importedAs: undefined,
      exportedAs: "memory",
      initialPages: 2,
      maximumPages: undefined,
      isShared: false,
      is64: false,
    });
  });

  it("has names that follow the numbers of its functions", () => {
    const names = readNames(new WasmModule(adopt(buildModule({ functions })).bytes));
    expect([...names.functions]).toEqual([
      [0, "malloc"],
      [1, "free"],
      [2, "malloc"],
      [3, "free"],
      [4, "run"],
      [5, "kmem.malloc"],
      [6, "kmem.free"],
    ]);
  });

  it("finds them in its table and at its start too", () => {
    const start: BuiltFunction = { params: [], results: [], code: [...called(0, 5), ...op.drop] };
    const indirect = wordFunction(1, [...op.get(0), ...op.i32(0), 0x11, 0, 0], { exportAs: "indirect" });
    const built = { functions: [...functions, start, indirect], start: 3, elements: [0, 2] };
    const adopted = adopt(buildModule({ ...built, memory: { pages: 2, isImported: true } }));
    const { exported, calls } = instantiated(adopted, { env: { memory: new WebAssembly.Memory({ initial: 2 }) } });
    expect(exported["indirect"]!(9)).toBe(0x8000 + 16);
    expect(calls).toEqual(["malloc(5)", "malloc(9)"]);
  });

  it("keeps a type of its own that is no plain one, for what refers to it", () => {
    const open = { isOpenType: true } as const;
    const reference = [...op.get(0), 0xd2, 0, 0x14, 0];
    const indirect = [...op.get(0), ...op.i32(0), 0x11, 0, 0];
    const module = buildModule({
      functions: [
        { ...toyMalloc(), ...open },
        { ...toyFree(), ...open },
        wordFunction(1, reference, { exportAs: "reference" }),
        wordFunction(1, indirect, { exportAs: "indirect" }),
      ],
      elements: [0],
    });
    expect(WebAssembly.validate(module)).toBe(true);
    for (const options of [{}, { merge: false }, { stacks: true }]) {
      const { exported, calls } = instantiated(adopt(module, options));
      expect(exported["reference"]!(40)).toBe(0x8000);
      expect(exported["indirect"]!(8)).toBe(0x8000 + 48);
      expect(calls).toEqual(["malloc(40)", "malloc(8)"]);
    }
  });

  it("is refused where two functions of one kind have types that are not the same", () => {
    const other = { ...toyMalloc({ exportAs: "__libc_malloc" }), isOpenType: true } as const;
    const { code, details } = refusal(() => adopt(buildModule({ functions: [toyMalloc(), toyFree(), other] })));
    expect([code, details]).toEqual(["CANNOT_ADOPT", { reason: "wrong-type", role: "malloc", functions: [0, 2] }]);
  });

  it("works with a memory of 64 bits", () => {
    const loads = [2000, 2004, 2008].flatMap((address) => [...op.i64(address), 0x29, 3, 0, 0x7c]);
    const stores = [2000, 2004, 2008].flatMap((address) => [...op.i64(address), ...op.get(0), 0x37, 3, 0]);
    const adopted = adopt(
      buildModule({
        memory: { pages: 1, is64: true },
        functions: [
          { params: [I64], results: [I64], code: [...op.get(0), ...loads], exportAs: "malloc" },
          { params: [I64], results: [], code: stores, exportAs: "free" },
        ],
      }),
    );
    const addresses: bigint[] = [];
    const kmem = { malloc: (size: bigint) => size + 1n, free: (address: bigint) => addresses.push(address) };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), { kmem });
    expect(adopted.memory.is64).toBe(true);
    expect((exports["malloc"] as (size: bigint) => bigint)(41n)).toBe(42n);
    (exports["free"] as (address: bigint) => void)(42n);
    expect(addresses).toEqual([42n]);
  });
});

describe("a module without functions of its own", () => {
  const imports = [
    { module: "env", name: "malloc", params: [I32], results: [I32] },
    { module: "env", name: "free", params: [I32], results: [] },
  ];
  const whole = buildModule({ imports, functions: [] });
  // Sections without anything in them: an id, one byte, and no items.
  const without = (...ids: readonly number[]): Uint8Array<ArrayBuffer> => {
    const { sections } = new WasmModule(whole);
    const kept = sections.filter(({ id }) => !ids.includes(id));
    return Uint8Array.from([
      ...whole.subarray(0, 8),
      ...kept.flatMap((one) => [...whole.subarray(one.headAt, one.end)]),
    ]);
  };

  it.each([
    ["both sections of functions", whole],
    ["no code", without(10)],
    ["code alone", without(3)],
    ["neither", without(3, 10)],
  ])("is adopted and checked with %s", (_, module) => {
    expect(WebAssembly.validate(module)).toBe(true);
    for (const options of [{}, { check: "memcheck" }, { stacks: true }] as const) {
      const adopted = adopt(module, options);
      expect(WebAssembly.validate(adopted.bytes)).toBe(true);
      expect(adopted.imports).toEqual(["malloc", "free"]);
    }
  });
});

describe("functions whose numbers become longer", () => {
  const count = 300;
  const numbered = Array.from({ length: count }, (_, index) =>
    wordFunction(0, index === 0 ? op.i32(0) : [...op.call(index + 1), ...op.i32(1), ...op.add], {
      exportAs: `f${index}`,
    }),
  );

  it.each([1, 5])("call the same functions, with calls of %i bytes at least", (bytes) => {
    const padded = numbered.map((one, index) =>
      index === 0 ? one : { ...one, code: [...op.call(index + 1, bytes), ...op.i32(1), ...op.add] },
    );
    const functions = [toyMalloc(), toyFree(), ...padded];
    const module = buildModule({ functions });
    const adopted = adopt(module);
    const { exported } = instantiated(adopted);
    for (let index = 0; index < count; index++) expect(exported[`f${index}`]!()).toBe(index);
    expect(adopted.areCodeOffsetsKept).toBe(bytes === 5);
  });

  it("are found again in the old module, byte by byte", () => {
    const module = buildModule({ functions: [toyMalloc(), toyFree(), ...numbered] });
    const adopted = adopt(module);
    const [before, after] = [new WasmModule(module), new WasmModule(adopted.bytes)];
    for (const [index, start] of before.bodyStarts.entries()) {
      expect(adopted.originOf(after.bodyStarts[index]!)).toBe(start);
      expect(adopted.originOf(after.bodyEnds[index]! - 1)).toBe(before.bodyEnds[index]! - 1);
    }
  });
});

describe("what is left of the old allocator", () => {
  const run = wordFunction(0, [...called(0, 1), ...op.call(1), ...op.i32(0)], { exportAs: "run" });

  it("is refused with a list, unless nothing can reach it", () => {
    const other = wordFunction(1, [...op.i32(2004), ...op.load()], { name: "helper" });
    const reached = [toyMalloc(), toyFree(), run, { ...other, exportAs: "other" }];
    const error = refusal(() => adopt(buildModule({ functions: reached })));
    expect(error.code).toBe("CANNOT_ADOPT");
    expect(error.details).toEqual({
      reason: "left",
      left: [{ functionIndex: 3, name: "helper", uses: "state", callers: [] }],
    });
    expect(error.message).toContain("function 3 (helper) uses the old allocator's variables");
    expect(adopt(buildModule({ functions: [toyMalloc(), toyFree(), run, other] })).imports).toEqual(["malloc", "free"]);
    const vouched = adopt(buildModule({ functions: reached }), { harmless: ["helper"] });
    expect(vouched.harmless).toEqual([{ functionIndex: 3, reason: "the caller says so" }]);
  });

  it("may be what runs at the start, and what that alone calls with constants", () => {
    const claim = wordFunction(1, [...op.i32(2004), ...op.get(0), ...op.store(), ...op.i32(1)]);
    const initialize: BuiltFunction = {
      params: [],
      results: [],
      code: [...op.i32(2000), ...op.i32(48), ...op.store(), ...called(2, 48), ...op.drop],
      exportAs: "__wasm_call_ctors",
    };
    const adopted = adopt(buildModule({ functions: [toyMalloc(), toyFree(), claim, initialize] }));
    expect(adopted.harmless).toEqual([
      { functionIndex: 3, reason: "initializer" },
      { functionIndex: 2, reason: "only called by initializers" },
    ]);
  });

  it("is what reads the size before a block", () => {
    const size = [...op.i32(4), ...op.sub, ...op.load(), ...op.i32(-8), ...op.and];
    const reader = wordFunction(1, [...op.get(0), ...op.call(0), ...size], { exportAs: "sized" });
    expect(refusal(() => adopt(buildModule({ functions: [toyMalloc(), toyFree(), reader] }))).details).toMatchObject({
      left: [{ functionIndex: 2, uses: "header" }],
    });
  });

  it("is no number that only looks like one of its variables", () => {
    const log = wordFunction(1, [...op.i32(2004), ...op.call(3)], { exportAs: "log" });
    const masks = wordFunction(1, [...op.get(0), ...op.i32(2004), ...op.and], { exportAs: "masks" });
    expect(adopt(buildModule({ functions: [toyMalloc(), toyFree(), log, masks] })).imports).toHaveLength(2);
  });
});

describe("a test of the flags before a block, as calloc makes it", () => {
  it("is answered as for a block whose bytes are not zero yet", () => {
    const flags = [...op.i32(4), ...op.sub, ...op.load8(), ...op.i32(3), ...op.and];
    const inlined = wordFunction(1, [...op.get(0), ...op.call(0), ...flags], { exportAs: "inlined" });
    const adopted = adopt(buildModule({ functions: [toyMalloc(), toyFree(), inlined] }));
    expect(adopted.flagsTestCount).toBe(1);
    expect(instantiated(adopted).exported["inlined"]!(100)).toBe(3);
  });

  it.each([
    ["i64.load", [0x29, 3, 0]],
    ["i64.load8_u", [0x31, 0, 0]],
    ["i64.load8_s", [0x30, 0, 0]],
    ["i64.load32_u", [0x35, 2, 0]],
  ])("is answered with the type of %s, in a memory of 64 bits", (_, load) => {
    const touch = [2000, 2004, 2008].flatMap((address) => [...op.i64(address), 0x29, 3, 0, ...op.drop]);
    const flags = [...op.i64(8), 0x7d, ...load, ...op.i64(3), 0x83];
    const module = buildModule({
      memory: { pages: 1, is64: true },
      functions: [
        { params: [I64], results: [I64], code: [...touch, ...op.get(0)], exportAs: "malloc" },
        { params: [I64], results: [], code: touch, exportAs: "free" },
        { params: [I64], results: [I64], code: [...op.get(0), ...op.call(0), ...flags], exportAs: "inlined" },
      ],
    });
    const adopted = adopt(module);
    expect(adopted.flagsTestCount).toBe(1);
    const kmem = { malloc: (size: bigint) => size, free: () => {} };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(adopted.bytes), { kmem });
    expect((exports["inlined"] as (size: bigint) => bigint)(64n)).toBe(3n);
  });
});

describe("functions without names", () => {
  const functions = [toyMalloc({ exportAs: "u" }), toyFree({ exportAs: "v" })];
  const nothing = buildModule({ functions });

  it("are told by Emscripten's JavaScript", () => {
    const glue = 'var _malloc=Module["_malloc"]=wasmExports["u"],_free=(k["_free"]=d.v);k._free=d.v;';
    expect(adopt(nothing, { glue }).found.map(({ evidence, name }) => [evidence, name])).toEqual([
      ["glue", "malloc"],
      ["glue", "free"],
    ]);
  });

  it.each([
    'var _malloc=Module["_malloc"]=function(){return(_malloc=Module["_malloc"]=Module["asm"]["u"]).apply(null,[])};' +
      'var _free=function(){return(_free=Module["asm"]["v"]).apply(null,[])};',
    "var Aa=c._malloc=function(){return (Aa=c._malloc=c.asm.u).apply(null,arguments)},Ba=c._free=c.asm.v;",
    "k._malloc = function() { return (k._malloc = k['asm']['u']).apply(0, arguments) }; k._free = k.asm['v'];",
  ])("are told by the JavaScript of older Emscriptens: %s", (glue) => {
    const found = adopt(nothing, { glue }).found.map(({ role, functionIndex, evidence }) => [
      role,
      functionIndex,
      evidence,
    ]);
    expect(found).toEqual([
      ["malloc", 0, "glue"],
      ["free", 1, "glue"],
    ]);
  });

  it("are told by the JavaScript of the oldest Emscriptens, whose exports begin with _", () => {
    const glue = ["_malloc", "_free"]
      .map(
        (name) =>
          `var ${name} = Module["${name}"] = function() {\n  return Module["asm"]["${name}"].apply(null, []) };`,
      )
      .join("\n");
    const module = buildModule({ functions: [toyMalloc({ exportAs: "_malloc" }), toyFree({ exportAs: "_free" })] });
    expect(adopt(module, { glue }).found.map(({ role, evidence }) => [role, evidence])).toEqual([
      ["malloc", "glue"],
      ["free", "glue"],
    ]);
  });

  it("are told by the caller, by number or name", () => {
    expect(adopt(nothing, { functions: { malloc: 0, free: ["v"] } }).found).toEqual([
      { role: "malloc", functionIndex: 0, evidence: "option", name: "0" },
      { role: "free", functionIndex: 1, evidence: "option", name: "v" },
    ]);
  });

  it("are refused where nobody tells", () => {
    expect(refusal(() => adopt(nothing)).details).toEqual({ reason: "not-found", missing: ["malloc", "free"] });
    expect(refusal(() => adopt(nothing)).message).toContain("give the glue");
    expect(refusal(() => adopt(nothing, { functions: { malloc: 1 } })).details["reason"]).toBe("wrong-type");
    expect(refusal(() => adopt(nothing, { functions: { malloc: 9 } })).details["reason"]).toBe("function-missing");
    const both = refusal(() => adopt(nothing, { functions: { malloc: 0, calloc: 0, free: 1 } }));
    expect([both.details["reason"], both.message]).toEqual([
      "wrong-type",
      "this module cannot be adopted: function 0 was said to be both malloc and calloc",
    ]);
    expect(refusal(() => adopt(nothing, { functions: { mallocs: 1 } as never })).code).toBe("BAD_ARGUMENT");
  });

  it("are none where no two share a variable: no glue would help", () => {
    const hash = { ...toyFree({ exportAs: "update" }), code: [...op.i32(3000), ...op.get(0), ...op.store()] };
    const bufferOf = wordFunction(1, [...op.i32(4000), ...op.load()], { exportAs: "bufferOf" });
    for (const functions of [[hash, bufferOf], [hash], [wordFunction(2, op.i32(1))]]) {
      const { details, message } = refusal(() => adopt(buildModule({ functions })));
      expect(details).toEqual({ reason: "not-found", missing: ["malloc", "free"] });
      expect(message).toContain("it seems to have no allocator");
      expect(message).not.toContain("glue");
    }
  });

  it("are not looked for below what is replaced itself, as emmalloc's malloc calls its memalign", () => {
    const claim = toyMalloc({});
    const memalign = wordFunction(2, [...op.get(1), ...op.call(0)], { exportAs: "memalign" });
    const malloc = wordFunction(1, [...op.i32(8), ...op.get(0), ...op.call(1)], { exportAs: "malloc" });
    const { found } = adopt(buildModule({ functions: [claim, memalign, malloc, toyFree()] }), { harmless: [0] });
    expect(found.map(({ role, functionIndex }) => [role, functionIndex])).not.toContainEqual(["malloc", 0]);
  });
});

describe("what cannot be adopted", () => {
  const functions = [toyMalloc(), toyFree()];
  const whole = buildModule({ functions });
  const bytesOf = (change: (bytes: Uint8Array) => void): Uint8Array => {
    const bytes = whole.slice();
    change(bytes);
    return bytes;
  };

  it.each([
    ["component", bytesOf((bytes) => bytes.set([13, 0, 1, 0], 4))],
    ["object-file", buildModule({ functions, custom: [{ name: "linking", bytes: [2] }] })],
    ["side-module", buildModule({ functions, custom: [{ name: "dylink.0", bytes: [] }] })],
    ["no-memory", buildModule({ functions, memory: { pages: 2, hidden: true } })],
    ["page-size", buildModule({ functions, memory: { pages: 131_072, pageShift: 0 } })],
    ["already-adopted", adopt(whole).bytes],
    ["state-unknown", buildModule({ functions: [toyMalloc(), { ...toyFree(), code: [] }] })],
    ["collector", buildModule({ functions: [...functions, wordFunction(2, op.i32(0), { name: "runtime.alloc" })] })],
  ])("is refused with the reason %s", (reason, bytes) => {
    expect(refusal(() => adopt(bytes))).toMatchObject({ code: "CANNOT_ADOPT", details: { reason } });
  });

  it("is what is no module", () => {
    expect(refusal(() => adopt(new Uint8Array(3))).code).toBe("BAD_MODULE");
    expect(refusal(() => adopt(bytesOf((bytes) => bytes.fill(0xff, 9)))).code).toBe("BAD_MODULE");
    expect(refusal(() => adopt(whole.subarray(0, -40))).code).toBe("BAD_MODULE");
    expect(refusal(() => adopt("bytes" as never)).code).toBe("BAD_ARGUMENT");
  });
});
