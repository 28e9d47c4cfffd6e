import { requireText } from "../memory/arguments.ts";
import type { StackFrame } from "./profile.ts";

interface Place {
  readonly url: string;
  readonly line: number;
  readonly column: number;
  /** In WebAssembly, what a function without a name is called. */
  readonly wasmName?: string;
}

const NOWHERE: Place = { url: "", line: 0, column: 0 };
const IN_ENGINE: Place = { url: "native", line: 0, column: 0 };
const IN_SOME_WASM: Place = { url: "wasm", line: 0, column: 0 };

const V8_FRAME = /^\s*at (.+)$/;
const V8_ASYNC = /^async /;
const V8_ALIAS = / \[as [^\]]*\]$/;
const V8_EVAL = "eval at ";
/** What V8 writes for a place that it does not know, or that is one of the promises that Promise.all waits for. */
const V8_NOWHERE = /^(?:<anonymous>|unknown location|index \d+)$/;
const ANONYMOUS = "<anonymous>";

/** What Firefox and Safari put before the name of what goes on after a wait. */
const GECKO_ASYNC = /^(?:.*\*|async )/;
/** In Firefox, where code was evaluated: the place of the call, then that within the code. */
const GECKO_EVAL = /^(.+?) line (\d{1,9}) > /;
/** What Safari puts before a function of a module without a name. */
const SAFARI_NO_MODULE = "<?>.";
const SAFARI_WASM = "[wasm code]";

const NATIVE = /^(?:native|\[native code\])$/;
const WASM_PLACE = /^(.*?):?(wasm-function\[\d+\])(?::0x([0-9a-f]{1,8}))?$/i;
const LINE_AND_COLUMN = /^(.+):(\d{1,9}):(\d{1,9})$/;
const LINE_ALONE = /^(.+):(\d{1,9})$/;
const HEXADECIMAL = 16;

/**
 * The frames in the text of an `Error.stack`, innermost first, as V8, Firefox and Safari write it. Lines that are no
 * frames, such as the message, are left out; a message with a line that looks like a frame cannot be told from one.
 *
 * `async` and the `[as name]` of V8 are dropped, so that a function has one name however it was called; `new` stays.
 * Evaluated code without a name of its own stands where it was evaluated. In WebAssembly the line is 1 and the
 * column the byte of the module, from 1, as DevTools have it; a function without a name goes by its index. Code of the
 * engine itself has the url `native`, WebAssembly of which Safari says no more has `wasm`. Never throws. O(text).
 */
export function parseStack(text: string): StackFrame[] {
  requireText("text", text);
  const lines = text.split(/\r?\n/);
  const isV8 = lines.some((line) => V8_FRAME.test(line));
  return lines.flatMap((line) => (isV8 ? v8Frame(line) : geckoFrame(line)) ?? []);
}

function v8Frame(line: string): StackFrame | undefined {
  const body = V8_FRAME.exec(line)?.[1].trim().replace(V8_ASYNC, "");
  if (body === undefined) return undefined;
  const open = openingOf(body);
  if (open < 0) return frameAt("", body === ANONYMOUS ? NOWHERE : exactPlace(body));
  const name = body.slice(0, open).trimEnd().replace(V8_ALIAS, "");
  return frameAt(name, v8Place(body.slice(open + 1, -1)));
}

/** A frame at a place; none where the place could not be read. */
function frameAt(name: string, place: Place | undefined): StackFrame | undefined {
  if (place === undefined) return undefined;
  const { wasmName = "", url, line, column } = place;
  const functionName = name === ANONYMOUS || name === "" ? wasmName : name;
  return { functionName, url: url === ANONYMOUS ? "" : url, line, column };
}

/** Where the parenthesis opens that the text ends with, a blank before it; -1 where it ends with none. O(text). */
function openingOf(text: string): number {
  if (!text.endsWith(")")) return -1;
  let depth = 0;
  for (let index = text.length - 1; index > 0; index--) {
    if (text[index] === ")") depth++;
    if (text[index] === "(" && --depth === 0 && text[index - 1] === " ") return index;
  }
  // A url may hold parentheses that do not match: then the first one is taken.
  const first = text.indexOf(" (");
  return first < 0 ? -1 : first + 1;
}

/** What stands between the parentheses of a frame of V8. */
function v8Place(text: string): Place {
  // Of evaluated code: "eval at f (where it was evaluated), where in the code". Either may be all that is of use.
  while (text.startsWith(V8_EVAL)) {
    const comma = text.lastIndexOf(", ");
    const within = comma < 0 ? undefined : exactPlace(text.slice(comma + 2));
    if (within !== undefined && within.url !== ANONYMOUS) return within;
    const call = comma < 0 ? text : text.slice(0, comma);
    const open = openingOf(call);
    if (open < 0) return NOWHERE;
    text = call.slice(open + 1, -1);
  }
  if (V8_NOWHERE.test(text)) return NOWHERE;
  return exactPlace(text) ?? { url: text, line: 0, column: 0 };
}

function geckoFrame(line: string): StackFrame | undefined {
  const at = line.indexOf("@");
  // Safari writes functions without a name as a place alone. With a blank in it the line is more likely a message.
  if (at < 0) return line.includes(" ") ? undefined : frameAt("", exactPlace(line));
  const name = line.slice(0, at).replace(GECKO_ASYNC, "").replace(SAFARI_NO_MODULE, "");
  return frameAt(name, geckoPlace(line.slice(at + 1)));
}

function geckoPlace(text: string): Place | undefined {
  if (text === SAFARI_WASM) return IN_SOME_WASM;
  const evaluated = GECKO_EVAL.exec(text);
  if (evaluated !== null) return { url: evaluated[1], line: Number(evaluated[2]), column: 0 };
  return exactPlace(text);
}

/** A place that says where in a file, module or engine it is, as all engines write it; undefined for any other text. */
function exactPlace(text: string): Place | undefined {
  if (NATIVE.test(text)) return IN_ENGINE;
  const wasm = WASM_PLACE.exec(text);
  if (wasm !== null) {
    const [, url, wasmName, offset] = wasm;
    if (offset === undefined) return { url, wasmName, line: 0, column: 0 };
    return { url, wasmName, line: 1, column: Number.parseInt(offset, HEXADECIMAL) + 1 };
  }
  const [, url, line, column = "0"] = LINE_AND_COLUMN.exec(text) ?? LINE_ALONE.exec(text) ?? [];
  return url === undefined ? undefined : { url, line: Number(line), column: Number(column) };
}
