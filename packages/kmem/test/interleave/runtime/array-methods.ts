import type { Runtime } from "./runtime.ts";
import { type TwoForms as Callback, done, event, type Steps } from "./steps.ts";

type ArrayMethod = (runtime: Runtime, array: unknown[], callback: Callback, values: unknown[], site: number) => Steps;

/** Methods of arrays that call back, written so that the callback may hand over control. */
const methods: Readonly<Record<string, ArrayMethod>> = { map, filter, reduce, some, every, find, findIndex, flatMap };

/** The steps of `array.name(…)` where the callback has steps; undefined where the method itself does. */
export function arrayMethod(
  runtime: Runtime,
  array: unknown[],
  name: string,
  values: unknown[],
  site: number,
): Steps | undefined {
  const [callback] = values as [Callback | undefined];
  if (callback?.$g === undefined) return undefined;
  return Object.hasOwn(methods, name) ? methods[name]?.(runtime, array, callback, values, site) : undefined;
}

function* map(runtime: Runtime, array: unknown[], callback: Callback, _values: unknown[], site: number): Steps {
  const results: unknown[] = [];
  for (let index = 0; index < array.length; index++) {
    results.push(yield* runtime.call(callback, site, array[index], index, array));
  }
  return results;
}

function* flatMap(runtime: Runtime, array: unknown[], callback: Callback, values: unknown[], site: number): Steps {
  return ((yield* map(runtime, array, callback, values, site)) as unknown[]).flat();
}

function* filter(runtime: Runtime, array: unknown[], callback: Callback, _values: unknown[], site: number): Steps {
  const results: unknown[] = [];
  for (let index = 0; index < array.length; index++) {
    if (yield* runtime.call(callback, site, array[index], index, array)) results.push(array[index]);
  }
  return results;
}

function* reduce(runtime: Runtime, array: unknown[], callback: Callback, values: unknown[], site: number): Steps {
  let result = values.length > 1 ? values[1] : array[0];
  for (let index = values.length > 1 ? 0 : 1; index < array.length; index++) {
    result = yield* runtime.call(callback, site, result, array[index], index, array);
  }
  return result;
}

function* findIndex(runtime: Runtime, array: unknown[], callback: Callback, _values: unknown[], site: number): Steps {
  for (let index = 0; index < array.length; index++) {
    if (yield* runtime.call(callback, site, array[index], index, array)) return index;
  }
  return -1;
}

function* find(runtime: Runtime, array: unknown[], callback: Callback, values: unknown[], site: number): Steps {
  return array[(yield* findIndex(runtime, array, callback, values, site)) as number];
}

function* some(runtime: Runtime, array: unknown[], callback: Callback, values: unknown[], site: number): Steps {
  return (yield* findIndex(runtime, array, callback, values, site)) !== -1;
}

function* every(runtime: Runtime, array: unknown[], callback: Callback, _values: unknown[], site: number): Steps {
  for (let index = 0; index < array.length; index++) {
    if (!(yield* runtime.call(callback, site, array[index], index, array))) return false;
  }
  return true;
}

/** `Array.from(source, callback)`. */
export function* fromSteps(runtime: Runtime, values: unknown[], site: number): Steps {
  const [source, callback] = values as [unknown, Callback | undefined];
  const isIterable = typeof source === "object" && source !== null && Symbol.iterator in source;
  const items = isIterable ? yield* collectSteps(runtime, source, site) : Array.from(source as ArrayLike<unknown>);
  return callback === undefined ? items : yield* map(runtime, items as unknown[], callback, [], site);
}

/** The values of an iterable of the library or of a typed array, with control handed over in between. */
function* collectSteps(runtime: Runtime, source: object, site: number): Steps {
  const items: unknown[] = [];
  if (ArrayBuffer.isView(source)) {
    const array = source as Int32Array;
    for (let index = 0; index < array.length; index++) {
      if (runtime.load(array, index, site)) yield event;
      items.push(runtime.value);
    }
    return items;
  }
  for (const item of source as Iterable<unknown>) {
    if (item === event) yield event;
    else items.push(item);
  }
  return items;
}

/** What a spread takes apart; objects and arrays of plain values as they are. */
export function collect(runtime: Runtime, source: unknown, site: number): Steps {
  const isPlain =
    typeof source !== "object" || source === null || Array.isArray(source) || !(Symbol.iterator in source);
  return isPlain ? done(source) : collectSteps(runtime, source, site);
}
