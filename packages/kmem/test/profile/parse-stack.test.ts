import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { collapsedText, parseStack, type StackFrame } from "../../src/profile/index.ts";

type Row = readonly [what: string, line: string, functionName: string, url: string, line: number, column: number];

const APP = "file:///srv/app.js";

function frameOf([, , functionName, url, line, column]: Row): StackFrame {
  return { functionName, url, line, column };
}

const V8_ROWS: readonly Row[] = [
  ["a function", `    at f (${APP}:12:34)`, "f", APP, 12, 34],
  ["code without a function", `    at ${APP}:1:2`, "", APP, 1, 2],
  ["a path of Windows", "    at f (C:\\src\\app.js:1:2)", "f", "C:\\src\\app.js", 1, 2],
  ["a port in a url", "    at http://localhost:8080/a.js:1:2", "", "http://localhost:8080/a.js", 1, 2],
  ["a method", `    at Heap.alloc (${APP}:1:2)`, "Heap.alloc", APP, 1, 2],
  ["a private method", `    at #alloc (${APP}:1:2)`, "#alloc", APP, 1, 2],
  ["a getter", `    at get size [as size] (${APP}:1:2)`, "get size", APP, 1, 2],
  ["a method under another name", `    at Object.f [as g] (${APP}:1:2)`, "Object.f", APP, 1, 2],
  ["a constructor", `    at new Heap (${APP}:1:2)`, "new Heap", APP, 1, 2],
  ["a constructor without a name", `    at new <anonymous> (${APP}:1:2)`, "new <anonymous>", APP, 1, 2],
  ["a method without a name", `    at Object.<anonymous> (${APP}:1:2)`, "Object.<anonymous>", APP, 1, 2],
  ["a function after a wait", `    at async f (${APP}:1:2)`, "f", APP, 1, 2],
  ["code after a wait", `    at async ${APP}:1:2`, "", APP, 1, 2],
  ["Promise.all", "    at async Promise.all (index 3)", "Promise.all", "", 0, 0],
  ["a built-in", "    at Array.map (<anonymous>)", "Array.map", "", 0, 0],
  ["a built-in as older engines have it", "    at Array.map (native)", "Array.map", "native", 0, 0],
  ["a place that is not known", "    at f (unknown location)", "f", "", 0, 0],
  ["no name and no place", "    at <anonymous>", "", "", 0, 0],
  ["a script without a name", "    at f (<anonymous>:4:5)", "f", "", 4, 5],
  ["a module of Node", "    at emit (node:events:519:28)", "emit", "node:events", 519, 28],
  ["evaluated code", `    at eval (eval at f (${APP}:7:8), <anonymous>:1:1)`, "eval", APP, 7, 8],
  [
    "code evaluated twice",
    `    at g (eval at h (eval at f (${APP}:7:8), <anonymous>:2:2), <anonymous>:1:1)`,
    "g",
    APP,
    7,
    8,
  ],
  ["evaluated code with a name of its own", `    at g (eval at f (${APP}:7:8), my.js:3:4)`, "g", "my.js", 3, 4],
  ["a name with parentheses", `    at a (b) c (${APP}:1:2)`, "a (b) c", APP, 1, 2],
  ["a file with parentheses", "    at f (file:///a (1)/b.js:1:2)", "f", "file:///a (1)/b.js", 1, 2],
  ["a file with half of them", "    at f (file:///a)b.js:1:2)", "f", "file:///a)b.js", 1, 2],
  ["WebAssembly", "    at grow (wasm://wasm/abcd:wasm-function[3]:0x12)", "grow", "wasm://wasm/abcd", 1, 19],
  [
    "WebAssembly without a name",
    "    at wasm://wasm/abcd:wasm-function[3]:0x12",
    "wasm-function[3]",
    "wasm://wasm/abcd",
    1,
    19,
  ],
];

const GECKO_ROWS: readonly Row[] = [
  ["a function", `f@${APP}:12:34`, "f", APP, 12, 34],
  ["a function without a name", `@${APP}:1:2`, "", APP, 1, 2],
  ["a function within another", `f/<@${APP}:1:2`, "f/<", APP, 1, 2],
  ["a function after a wait", `async*f@${APP}:1:2`, "f", APP, 1, 2],
  ["what a timer calls", `setTimeout handler*f@${APP}:1:2`, "f", APP, 1, 2],
  ["a url with the sign of the frame", "f@https://cdn.test/@scope/a.js:1:2", "f", "https://cdn.test/@scope/a.js", 1, 2],
  ["a file and line alone", `f@${APP}:12`, "f", APP, 12, 0],
  ["evaluated code", `f@${APP} line 3 > eval:1:1`, "f", APP, 3, 0],
  ["code evaluated twice", `f@${APP} line 3 > eval line 1 > Function:1:1`, "f", APP, 3, 0],
  ["WebAssembly", "grow@http://a.test/m.wasm:wasm-function[3]:0x12", "grow", "http://a.test/m.wasm", 1, 19],
  ["a built-in of Safari", "map@[native code]", "map", "native", 0, 0],
  ["a function of Safari without a name", `${APP}:1:2`, "", APP, 1, 2],
  ["the top of a file in Safari", `global code@${APP}:1:2`, "global code", APP, 1, 2],
  ["WebAssembly in Safari", "<?>.wasm-function[3]@[wasm code]", "wasm-function[3]", "wasm", 0, 0],
];

describe("a line of a stack of V8", () => {
  it.each(V8_ROWS)("reads %s", (...row) => {
    expect(parseStack(row[1])).toEqual([frameOf(row)]);
  });
});

describe("a line of a stack of Firefox or Safari", () => {
  it.each(GECKO_ROWS)("reads %s", (...row) => {
    expect(parseStack(row[1])).toEqual([frameOf(row)]);
  });
});

describe("a whole stack", () => {
  it("of V8 loses its message, however many lines that has", () => {
    const message = `KmemError: no\nuser@host:1:2\n\n${APP}:1:2\nat all`;
    const text = [message, ...V8_ROWS.map(([, line]) => line), "    ... 3 more"].join("\n");
    expect(parseStack(text)).toEqual(V8_ROWS.map(frameOf));
  });

  it("of Firefox keeps its order, and loses what is no frame", () => {
    const text = `${GECKO_ROWS.map(([, line]) => line).join("\n")}\nno frame at 12:30:15\n@\n`;
    expect(parseStack(text)).toEqual(GECKO_ROWS.map(frameOf));
  });

  it("with the line ends of Windows is the same", () => {
    expect(parseStack(`Error\r\n    at f (${APP}:1:2)\r\n    at ${APP}:3:4\r\n`)).toHaveLength(2);
  });

  it("that is empty has no frames", () => {
    expect(parseStack("")).toEqual([]);
    expect(parseStack("Error: nothing to see")).toEqual([]);
  });

  it("of any text is one that a profile may have", () => {
    const piece = fc.constantFrom(
      "    at ",
      "(",
      ")",
      " (",
      "eval at ",
      ":1",
      ":99999999999999",
      "@",
      "\n",
      "wasm-function[1]:0xffffffffff",
    );
    const text = fc.array(fc.oneof(piece, fc.string()), { maxLength: 12 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(text, (stackText) => {
        const stack = parseStack(stackText);
        const sample = { stack, liveCount: 1, liveBytes: 1, allocCount: 1, allocBytes: 1 };
        expect(collapsedText({ samples: [sample], startedAtMs: 0, durationMs: 0 })).toMatch(/ 1\n$/);
      }),
      { numRuns: 500, seed: 6 },
    );
  });
});

const CALL = 0x10;
/** A module whose only function calls the one that it imports. */
const CALLING_MODULE = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic, version
  ...[1, 4, 1, 0x60, 0, 0], //             one type: no parameters, no results
  ...[2, 7, 1, 1, 0x61, 1, 0x62, 0, 0], //  import a.b
  ...[3, 2, 1, 0], //                      one function of that type
  ...[7, 5, 1, 1, 0x63, 0, 1], //          export it as c
  ...[10, 6, 1, 4, 0, CALL, 0, 0x0b], //    call 0
]);

describe("a stack that this engine has just written", () => {
  function stackHere(): StackFrame[] {
    return parseStack(String(new Error("two\nlines").stack));
  }

  it("begins where it was taken", () => {
    const [frame] = stackHere();
    expect(frame.functionName).toBe("stackHere");
    expect(frame.url).toContain("parse-stack.test.ts");
    expect(frame.line).toBeGreaterThan(0);
    expect(frame.column).toBeGreaterThan(0);
  });

  it("names methods, aliases, constructors, built-ins and evaluated code", async () => {
    class Maker {
      readonly stack = stackHere();
      static async later(): Promise<StackFrame[]> {
        await undefined;
        return stackHere();
      }
    }
    const original = { f: () => stackHere(), method: stackHere };
    const alias = { other: original.method };
    const nameAt = (stack: StackFrame[], index: number): string => stack[index].functionName;
    expect(new Maker().stack.map((frame) => frame.functionName)).toContain("new Maker");
    expect(nameAt(await Maker.later(), 1)).toMatch(/\blater$/);
    expect(nameAt(alias.other(), 0)).toMatch(/\bstackHere$/);
    expect([0].map(() => stackHere())[0].map((frame) => frame.functionName)).toContain("Array.map");
    // biome-ignore lint/security/noGlobalEval: the stack of evaluated code is what is to be read.
    const [, evaluated] = globalThis.eval("(f) => f()")(stackHere) as StackFrame[];
    expect(evaluated.url).toContain("parse-stack.test.ts");
  });

  it("says which function of a WebAssembly module it is in", () => {
    let stack: StackFrame[] = [];
    const take = (): void => {
      stack = stackHere();
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(CALLING_MODULE), { a: { b: take } });
    (instance.exports["c"] as () => void)();
    const frame = stack.find(({ url }) => url.startsWith("wasm://"));
    expect(frame).toMatchObject({ line: 1, column: CALLING_MODULE.lastIndexOf(CALL) + 1 });
    expect(frame?.functionName).toMatch(/^(?:c|wasm-function\[1\])$/);
  });
});
