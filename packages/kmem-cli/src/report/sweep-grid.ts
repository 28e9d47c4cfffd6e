import { type HeapOptions, PAGE_SIZE } from "kmem";
import { MAX_SLOT_COUNT, SHEAF_BLOCKS_MAX, SHEAF_BLOCKS_MIN, SLAB_PAGES_MAX } from "kmem/layout";
import { formatBytes, formatCount } from "../system/units.ts";
import type { SweepDimension } from "./sweep-report.ts";

/** What can be swept: an option of kmem's heap, or the size of its memory. */
interface Sweepable {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly isBytes: boolean;
  /** Values are multiples of it. */
  readonly unit?: number;
  /** Whether 0, below `least`, stands for the heap's own choice. */
  readonly hasOwn?: true;
  /** The option; undefined: the memory. */
  readonly option?: (value: number) => HeapOptions;
}

const MEMORY_MIN_BYTES = 2 ** 16;
const MEMORY_MAX_BYTES = 2 ** 32;
const DMA_MAX_BYTES = 2 ** 30;
/** Points of a grid: more than these nobody reads. */
const POINTS_MAX = 4096;

const SWEEPABLE: readonly Sweepable[] = [
  { name: "memory", least: MEMORY_MIN_BYTES, most: MEMORY_MAX_BYTES, isBytes: true },
  {
    name: "sheaf",
    least: SHEAF_BLOCKS_MIN,
    most: SHEAF_BLOCKS_MAX,
    isBytes: false,
    hasOwn: true,
    option: (value) => (value === 0 ? {} : { sheafBlocks: value }),
  },
  {
    name: "slab",
    least: PAGE_SIZE,
    most: SLAB_PAGES_MAX * PAGE_SIZE,
    isBytes: true,
    unit: PAGE_SIZE,
    hasOwn: true,
    option: (value) => (value === 0 ? {} : { slabBytes: value }),
  },
  { name: "slots", least: 1, most: MAX_SLOT_COUNT, isBytes: false, option: (slotCount) => ({ slotCount }) },
  { name: "dma", least: 0, most: DMA_MAX_BYTES, isBytes: true, option: (dmaBytes) => ({ dmaBytes }) },
  { name: "exact", least: 0, most: 1, isBytes: false, option: (value) => ({ exactFrees: value === 1 }) },
];
const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** What the help says of the dimensions. */
export const SWEEPABLE_NAMES: string = SWEEPABLE.map(({ name }) => name).join(", ");

function sweepable(name: string): Sweepable {
  const known = SWEEPABLE.find((one) => one.name === name);
  if (known === undefined) throw new RangeError(`"${name}" cannot be swept; what can is ${SWEEPABLE_NAMES}`);
  return known;
}

/**
 * The dimensions in a text such as `memory=4M..64M,slots=1:8:64`: from a value to another by doubling, or a list of
 * values. Throws RangeError with a sentence for what makes no sense.
 */
export function parseSweep(text: string): SweepDimension[] {
  const dimensions = text.split(",").map((part): SweepDimension => {
    const [name = "", values = "", ...rest] = part.trim().split("=");
    const known = sweepable(name);
    if (values === "" || rest.length > 0) throw new RangeError(`"${part}" is no name with values, as memory=4M..64M`);
    const parsed = parseValues(values);
    const wrong = parsed.find((value) => !isValueOf(known, value));
    if (wrong !== undefined) throw new RangeError(`${name} goes ${rangeText(known)}, not to ${wrong}`);
    return { name, values: parsed };
  });
  if (new Set(dimensions.map(({ name }) => name)).size < dimensions.length) {
    throw new RangeError("each dimension can be swept once");
  }
  const count = dimensions.reduce((product, { values }) => product * values.length, 1);
  if (count > POINTS_MAX) throw new RangeError(`that are ${count} points, more than ${POINTS_MAX}`);
  return dimensions;
}

function isValueOf({ least, most, unit = 1, hasOwn }: Sweepable, value: number): boolean {
  return (hasOwn === true && value === 0) || (value >= least && value <= most && value % unit === 0);
}

function rangeText({ least, most, unit, hasOwn }: Sweepable): string {
  const steps = unit === undefined ? "" : ` in steps of ${unit}`;
  return `from ${least} to ${most}${steps}${hasOwn === true ? ", or is 0 for the heap's own choice" : ""}`;
}

function parseValues(text: string): number[] {
  const [from = "", to, ...rest] = text.split("..");
  if (to === undefined) return [...new Set(from.split(":").map(parseValue))];
  const [first, last] = [parseValue(from), parseValue(to)];
  if (rest.length > 0 || first > last) throw new RangeError(`"${text}" goes from a value up to another, as 4M..64M`);
  const values = [first];
  for (let value = Math.max(1, first * 2); value <= last; value *= 2) if (value > first) values.push(value);
  return values;
}

function parseValue(text: string): number {
  const match = /^(\d{1,15})([KMG]?)$/i.exec(text.trim());
  if (match === null) throw new RangeError(`"${text}" is no whole number, as 8, 64K or 4M`);
  return Number(match[1]) * UNITS[match[2]!.toUpperCase()]!;
}

/** The points of a grid, the last dimension going fastest. */
export function gridOf(dimensions: readonly SweepDimension[]): number[][] {
  return dimensions.reduce<number[][]>(
    (points, { values }) => points.flatMap((point) => values.map((value) => [...point, value])),
    [[]],
  );
}

/** What a point asks for: options of the heap, and the size of its memory where that is swept. */
export function settingOf(
  dimensions: readonly SweepDimension[],
  values: readonly number[],
): { readonly options: HeapOptions; readonly memoryBytes: number | undefined } {
  let options: HeapOptions = {};
  let memoryBytes: number | undefined;
  for (const [index, { name }] of dimensions.entries()) {
    const { option } = sweepable(name);
    const value = values[index]!;
    if (option === undefined) memoryBytes = value;
    else options = { ...options, ...option(value) };
  }
  return { options, memoryBytes };
}

/** A value of a dimension, as tables have it. */
export function sweepValueText(name: string, value: number): string {
  const { isBytes, hasOwn } = sweepable(name);
  if (hasOwn === true && value === 0) return "own";
  return isBytes ? formatBytes(value) : formatCount(value);
}
