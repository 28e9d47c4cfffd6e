/** What esbuild writes beside a module, as far as it is used here. */
interface SourceMap {
  readonly version: number;
  readonly sources: readonly string[];
  readonly mappings: string;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGIT_BITS = 5;
const CONTINUES = 1 << DIGIT_BITS;
const DIGIT_MASK: number = CONTINUES - 1;

/** The numbers of a segment: each in digits of five bits, the lowest first, with the sign in the lowest bit. */
function numbersOf(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value |= (digit & DIGIT_MASK) << shift;
    shift += DIGIT_BITS;
    if ((digit & CONTINUES) !== 0) continue;
    numbers.push((value & 1) === 1 ? -(value >>> 1) : value >>> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}

function textOf(numbers: readonly number[]): string {
  let text = "";
  for (const number of numbers) {
    let rest = number < 0 ? (-number << 1) | 1 : number << 1;
    do {
      const digit = rest & DIGIT_MASK;
      rest >>>= DIGIT_BITS;
      text += DIGITS[rest > 0 ? digit | CONTINUES : digit];
    } while (rest > 0);
  }
  return text;
}

/** A place in a source: its number, line and column, from 0. */
type Place = readonly [source: number, line: number, column: number];

/**
 * The mappings of a source map with one segment for each line of a source within each line of the module: the places
 * of all lines, at a fraction of the size. Columns would not be exact: constants are written in the places of names.
 */
function lineMappings(mappings: string): string {
  let read: Place = [0, 0, 0];
  let written: Place = [0, 0, 0];
  const lines = mappings.split(";").map((line) => {
    let column = 0;
    let writtenColumn = 0;
    let shown: Place | undefined;
    const kept: string[] = [];
    for (const segment of line.split(",").filter((text) => text !== "")) {
      const [columns = 0, sources, ofLines = 0, ofColumns = 0] = numbersOf(segment);
      column += columns;
      if (sources === undefined) continue;
      read = [read[0] + sources, read[1] + ofLines, read[2] + ofColumns];
      if (shown !== undefined && shown[0] === read[0] && shown[1] === read[1]) continue;
      shown = read;
      const from = written;
      kept.push(textOf([column - writtenColumn, ...read.map((number, index) => number - (from[index] ?? 0))]));
      written = read;
      writtenColumn = column;
    }
    return kept.join(",");
  });
  return lines.join(";");
}

/** A source map without columns and without the sources, which are published beside it. */
export function lineMap(json: string): string {
  const { version, sources, mappings } = JSON.parse(json) as SourceMap;
  return JSON.stringify({ version, sources, names: [], mappings: lineMappings(mappings) });
}
