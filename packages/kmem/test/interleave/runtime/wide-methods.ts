import { Effect } from "./access.ts";
import type { Runtime } from "./runtime.ts";
import { done, event, type Steps } from "./steps.ts";

/*
 * Methods that touch many elements. No engine makes them at one blow: another thread sees them half done. So where an
 * element is shared they are made one by one; where none is, at once.
 */
type Elements = Int32Array;
type WideMethod = (runtime: Runtime, array: Elements, values: number[], site: number) => Steps;

const methods: Readonly<Record<string, WideMethod>> = { fill, copyWithin, set, indexOf, includes, slice, some, every };

export function isWide(name: string): boolean {
  return Object.hasOwn(methods, name);
}

export function wideMethod(runtime: Runtime, array: Elements, name: string, values: number[], site: number): Steps {
  return (methods[name] as WideMethod)(runtime, array, values, site);
}

/** An index as array methods take them: negative ones count from the end. */
function bounded(index: number | undefined, length: number, otherwise: number): number {
  if (index === undefined) return otherwise;
  const whole = Math.trunc(index) || 0;
  return whole < 0 ? Math.max(0, length + whole) : Math.min(whole, length);
}

function fill(runtime: Runtime, array: Elements, [value = 0, from, to]: number[], site: number): Steps {
  const first = bounded(from, array.length, 0);
  const end = bounded(to, array.length, array.length);
  if (first < end && runtime.mustPlace(array, first, end)) return fillSteps(runtime, array, value, first, end, site);
  runtime.recordWide(array, first, end, Effect.WRITE);
  return done(array.fill(value, first, end));
}

function* fillSteps(runtime: Runtime, array: Elements, value: number, first: number, end: number, site: number): Steps {
  for (let index = first; index < end; index++) if (runtime.store(array, index, value, site)) yield event;
  return array;
}

function copyWithin(runtime: Runtime, array: Elements, [to, from, until]: number[], site: number): Steps {
  const { length } = array;
  const target = bounded(to, length, 0);
  const first = bounded(from, length, 0);
  const end = bounded(until, length, length);
  const count = Math.min(end - first, length - target);
  if (count <= 0) return done(array);
  if (runtime.mustPlace(array, first, first + count) || runtime.mustPlace(array, target, target + count)) {
    return copySteps(runtime, array, array, { first, target, count }, site);
  }
  runtime.recordWide(array, first, first + count, Effect.READ);
  runtime.recordWide(array, target, target + count, Effect.WRITE);
  return done(array.copyWithin(target, first, end));
}

function* copySteps(
  runtime: Runtime,
  source: Elements,
  array: Elements,
  { first, target, count }: { first: number; target: number; count: number },
  site: number,
): Steps {
  const isBackward = source === array && target > first;
  for (let step = 0; step < count; step++) {
    const index = isBackward ? count - 1 - step : step;
    if (runtime.load(source, first + index, site)) yield event;
    if (runtime.store(array, target + index, runtime.value, site)) yield event;
  }
  return array;
}

function set(runtime: Runtime, array: Elements, values: unknown[], site: number): Steps {
  const [source, target = 0] = values as [Elements, number?];
  const count = source.length;
  if (!runtime.mustPlace(array, target, target + count) && !runtime.mustPlace(source, 0, count)) {
    runtime.recordWide(source, 0, count, Effect.READ);
    runtime.recordWide(array, target, target + count, Effect.WRITE);
    return done(array.set(source, target));
  }
  return copySteps(runtime, source, array, { first: 0, target, count }, site);
}

function indexOf(runtime: Runtime, array: Elements, [wanted, from]: number[], site: number): Steps {
  const first = bounded(from, array.length, 0);
  if (first < array.length && runtime.mustPlace(array, first, array.length)) {
    return searchSteps(runtime, array, first, (value) => value === wanted, site);
  }
  const found = array.indexOf(wanted as number, first);
  runtime.recordWide(array, first, found < 0 ? array.length : found + 1, Effect.READ);
  return done(found);
}

/** The index of the first element that passes, -1 for none. */
function* searchSteps(
  runtime: Runtime,
  array: Elements,
  first: number,
  passes: (value: number) => boolean,
  site: number,
): Steps {
  for (let index = first; index < array.length; index++) {
    if (runtime.load(array, index, site)) yield event;
    if (passes(runtime.value as number)) return index;
  }
  return -1;
}

function* includes(runtime: Runtime, array: Elements, values: number[], site: number): Steps {
  return (yield* indexOf(runtime, array, values, site)) !== -1;
}

function* some(runtime: Runtime, array: Elements, values: unknown[], site: number): Steps {
  const [passes] = values as [(value: number) => boolean];
  return (yield* searchSteps(runtime, array, 0, passes, site)) !== -1;
}

function* every(runtime: Runtime, array: Elements, values: unknown[], site: number): Steps {
  const [passes] = values as [(value: number) => boolean];
  return (yield* searchSteps(runtime, array, 0, (value) => !passes(value), site)) === -1;
}

function* slice(runtime: Runtime, array: Elements, [from, to]: number[], site: number): Steps {
  const first = bounded(from, array.length, 0);
  const end = bounded(to, array.length, array.length);
  const copy = new (array.constructor as Int32ArrayConstructor)(Math.max(0, end - first));
  for (let index = first; index < end; index++) {
    if (runtime.load(array, index, site)) yield event;
    copy[index - first] = runtime.value as number;
  }
  return copy;
}
