/** What a line says about the one after it. */
export const GOES_ON = {
  NO: 0,
  /** It ends in a backslash behind a blank. */
  AT_BLANK: 1,
  /** It ends in a backslash right behind a word. */
  IN_WORD: 2,
  /** It ends in a soft line break of quoted-printable, and nothing in it is decoded yet. */
  SOFTLY: 3,
} as const;

export interface CleanLine {
  readonly text: string;
  /** One of GOES_ON. */
  readonly goesOn: number;
}

/** All that a mailer, a terminal, a browser or a log daemon may have put into a line has one of these in it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const MAY_BE_DIRTY = /[\x1b\t\v\f\xa0&\\<>|\xef]|^\[|\^\[|ESC\[|=3D|=$|kernel:|["/\s]$/i;

const COLOURS =
  // The escape character itself, as `less` shows it, or as a terminal echoes it.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /(?:\x1b|\^\[|ESC)\[[0-9;:?]{0,32}[A-Za-z]|\x1b\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|\x1b[()][0-9A-Z]/g;
const BYTE_ORDER_MARK = /^\xef\xbb\xbf/;
const NO_BREAK_SPACE = /\xc2?\xa0/g;
const OTHER_BLANKS = /[\t\v\f]/g;
const ENTITY = /&(lt|gt|amp|quot|apos|nbsp|#\d{1,5}|#x[0-9a-f]{1,4});/gi;
const TAG = /<\/?(?:br|pre|code|p|div|span|tt|td|tr|li)(?:\s[^<>]{0,200})?\/?>/gi;
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'", nbsp: " " };

/** What stands before a line in a mail, and in logs of the kernel: dmesg, syslog, journalctl. */
const QUOTE = /^(?:\s*[A-Z]{1,3}>|\s*(?:>|\|(?!\|)))\s?/;
const PRINTK = /^(?:<\d{1,3}>)?\[ *\d{1,10}\.\d{3,9}\](?:\[ *[TC]\d{1,9}\])? ?/;
const SYSLOG =
  /^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{4}-\d\d-\d\d[T ]\S{8,40}) \S{1,256} kernel: ?/;
const MAX_PREFIXES = 32;
/** What ends a line that stands in a comment of function_graph or in quotation marks. */
const AROUND = /(?:\*\/|")\s*$/;

const ENCODED = /=([0-9A-F]{2})/gi;
const ENCODED_EQUALS = /=3D/i;
const ONLY_ENCODED = /^(?:[^=]|=[0-9A-F]{2})*=$/i;

/** A line without what the ways that text takes have put around it. Where it is clean it is answered as it is. */
export function cleanLine(raw: string): CleanLine {
  if (!MAY_BE_DIRTY.test(raw)) return { text: raw, goesOn: GOES_ON.NO };
  const plain = raw.replace(BYTE_ORDER_MARK, "").replace(COLOURS, "");
  // A soft line break is undone before anything is decoded: it may stand inside of what is to be decoded.
  if (plain.endsWith("=") && ONLY_ENCODED.test(plain)) return { text: plain.slice(0, -1), goesOn: GOES_ON.SOFTLY };
  const text = stripPrefixes(stripMarkup(decodeQuotedPrintable(plain)).replace(OTHER_BLANKS, " "))
    .replace(AROUND, "")
    .trimEnd();
  if (!text.endsWith("\\")) return { text, goesOn: GOES_ON.NO };
  const rest = text.slice(0, -1);
  const trimmed = rest.trimEnd();
  return { text: trimmed, goesOn: trimmed === rest ? GOES_ON.IN_WORD : GOES_ON.AT_BLANK };
}

function decodeQuotedPrintable(text: string): string {
  if (!ENCODED_EQUALS.test(text)) return text;
  return text.replace(ENCODED, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function stripMarkup(text: string): string {
  const plain = text.replace(NO_BREAK_SPACE, " ");
  if (!/[&<]/.test(plain)) return plain;
  return plain.replace(TAG, "").replace(ENTITY, (_, name: string) => entity(name.toLowerCase()));
}

function entity(name: string): string {
  if (!name.startsWith("#")) return ENTITIES[name] ?? "";
  const code = name.startsWith("#x") ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : " ";
}

function stripPrefixes(line: string): string {
  let text = line;
  for (let count = 0; count < MAX_PREFIXES; count += 1) {
    const before = text;
    text = text.replace(QUOTE, "").replace(SYSLOG, "").replace(PRINTK, "");
    if (text === before) break;
  }
  return text;
}
