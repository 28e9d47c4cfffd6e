/**
 * Record layouts: a table of fields in the order in which they lie in memory, and from it the index of each field's
 * first word, and the words of the whole record.
 */

/**
 * A field of a record: so many words after the field before it, `line` words from the next cache line on, or from the
 * word `at` on, which other words of the record are set aside before, or the same words as the field `over`.
 */
export type Field =
  | number
  | { readonly line: number }
  | { readonly at: number; readonly words: number }
  | { readonly over: string };

/** Fields by name, in the order of the words. */
export type Fields = Readonly<Record<string, Field>>;

/** The index of each field's first word in the record. */
export type Offsets<Table extends Fields> = { readonly [Name in keyof Table]: number };

/** Words in a cache line: two threads that write to different words of one slow each other down. */
export const LINE_WORDS = 16;

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

interface Place {
  readonly first: number;
  readonly end: number;
}

function placesOf(fields: Fields): Map<string, Place> {
  const places = new Map<string, Place>();
  let end = 0;
  for (const [name, field] of Object.entries(fields)) {
    const place = placeOf(field, end, places);
    places.set(name, place);
    end = Math.max(end, place.end);
  }
  return places;
}

function placeOf(field: Field, end: number, places: ReadonlyMap<string, Place>): Place {
  if (typeof field === "number") return { first: end, end: end + field };
  if ("line" in field) {
    const first = roundUp(end, LINE_WORDS);
    return { first, end: first + field.line };
  }
  if ("at" in field) {
    if (field.at < end) throw new RangeError(`the field at word ${field.at} begins before the last one's end, ${end}`);
    return { first: field.at, end: field.at + field.words };
  }
  const place = places.get(field.over);
  if (place === undefined) throw new RangeError(`there is no field ${field.over} before the one in its place`);
  return place;
}

/** Lays fields out one after the other. Throws RangeError for a table that cannot be laid out. */
export function offsetsOf<Table extends Fields>(fields: Table): Offsets<Table> {
  const offsets = [...placesOf(fields)].map(([name, { first }]) => [name, first]);
  return Object.fromEntries(offsets) as Offsets<Table>;
}

/** Words of a record with these fields, up to a multiple of `unitWords`. */
export function wordsOf(fields: Fields, unitWords = 1): number {
  const ends = [...placesOf(fields).values()].map(({ end }) => end);
  return roundUp(Math.max(0, ...ends), unitWords);
}
