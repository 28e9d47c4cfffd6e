import { ByteReader, ByteWriter } from "./bytes.ts";
import { NamePart } from "./names.ts";

/** How functions are numbered and named in a new module. */
export interface NewNames {
  /** The functions that it imports besides, in the order of their indexes. */
  readonly importNames: readonly (readonly [functionIndex: number, name: string])[];
  readonly shifted: (functionIndex: number) => number;
}

/**
 * The contents of a name section for the new numbers of functions. One that is malformed, which engines ignore, ends
 * before its fault. O(its bytes).
 */
export function shiftedNames(contents: Uint8Array, names: NewNames): Uint8Array {
  const writer = new ByteWriter();
  const reader = new ByteReader(contents);
  try {
    while (!reader.isDone) {
      const id = reader.byte();
      const part = reader.part(reader.count());
      const shifted = shiftedPart(id, part, names);
      writer.byte(id);
      writer.sized(shifted);
    }
  } catch {
    // What was written so far is whole.
  }
  return writer.written.slice();
}

function shiftedPart(id: number, part: ByteReader, names: NewNames): Uint8Array {
  if (id === NamePart.FUNCTIONS) return shiftedFunctions(part, names);
  if (id === NamePart.LOCALS || id === NamePart.LABELS) return shiftedIndirect(part, names.shifted);
  return part.bytes.subarray(part.at, part.end);
}

function shiftedFunctions(reader: ByteReader, { importNames, shifted }: NewNames): Uint8Array {
  const entries: (readonly [number, string])[] = [...importNames];
  for (let left = reader.count(2); left > 0; left--) entries.push([shifted(reader.u32()), reader.name()]);
  entries.sort(([one], [other]) => one - other);
  const writer = new ByteWriter();
  writer.u32(entries.length);
  for (const [index, name] of entries) {
    writer.u32(index);
    writer.name(name);
  }
  return writer.written;
}

/** Names within functions: lists of their own under the numbers of functions. */
function shiftedIndirect(reader: ByteReader, shifted: (functionIndex: number) => number): Uint8Array {
  const writer = new ByteWriter();
  const count = reader.count(2);
  writer.u32(count);
  for (let left = count; left > 0; left--) {
    writer.u32(shifted(reader.u32()));
    const start = reader.at;
    for (let inner = reader.count(2); inner > 0; inner--) {
      reader.u32();
      reader.skip(reader.count());
    }
    writer.put(reader.bytes.subarray(start, reader.at));
  }
  return writer.written;
}

/** Says where what stood at an offset in a function's body stands now; the offsets that it is asked for rise. */
export type PlaceOf = (offset: number) => number;

/**
 * The hints of which way a branch goes, for the new numbers of functions and places in their bodies: `placesIn` has
 * none for a function whose body is another. None at all where they are malformed.
 */
export function shiftedBranchHints(
  contents: Uint8Array,
  shifted: (functionIndex: number) => number,
  placesIn: (functionIndex: number) => PlaceOf | undefined,
): Uint8Array {
  const functions: Uint8Array[] = [];
  try {
    const reader = new ByteReader(contents);
    for (let left = reader.count(2); left > 0; left--) {
      const functionIndex = reader.u32();
      const placeOf = placesIn(functionIndex);
      const writer = new ByteWriter();
      writer.u32(shifted(functionIndex));
      hintsAt(reader, writer, placeOf ?? ((offset) => offset));
      if (placeOf !== undefined) functions.push(writer.written);
    }
  } catch {
    return Uint8Array.of(0);
  }
  const whole = new ByteWriter();
  whole.u32(functions.length);
  for (const one of functions) whole.put(one);
  return whole.written.slice();
}

/** Copies the hints of one function. */
function hintsAt(reader: ByteReader, writer: ByteWriter, placeOf: PlaceOf): void {
  const count = reader.count(2);
  writer.u32(count);
  for (let left = count; left > 0; left--) {
    writer.u32(placeOf(reader.u32()));
    const sizeBytes = reader.count();
    writer.sized(reader.bytes.subarray(reader.at, reader.at + sizeBytes));
    reader.skip(sizeBytes);
  }
}
