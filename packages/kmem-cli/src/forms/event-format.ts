import { latin1 } from "../trace/line-scan.ts";

/** Where a field stands in a record, as the kernel's own description of the event says. */
export interface FieldPlace {
  readonly offset: number;
  readonly size: number;
  /** Whether the place has the offset and length of a text and not the value: from the record's start, or from here. */
  readonly text: "absolute" | "relative" | undefined;
}

/** One kind of event, as the kernel described it when the file was recorded. */
export interface EventFormat {
  readonly system: string;
  readonly name: string;
  /** What the records of this kind have in common_type. */
  readonly id: number;
  readonly fields: ReadonlyMap<string, FieldPlace>;
}

/** What a description is looked at up to: its fields come first, and then the long rule for printing it. */
const LOOKED_AT = 65_536;
const PRINT_RULE = "\nprint fmt:";
const NAME = /^name: (\S{1,256})$/m;
const ID = /^ID: (\d{1,10})$/m;
const FIELD = /^\s*field:([^;]{1,400});\s*offset:(\d{1,5});\s*size:(\d{1,5});/;
/** The name of what a declaration in C declares, before the brackets of an array. */
const DECLARED = /(\w{1,64})\s*(?:\[[^\]]{0,64}\])?$/;

/** Reads the description of one event; undefined where it is none. */
export function parseEventFormat(system: string, bytes: Uint8Array): EventFormat | undefined {
  const whole = latin1(bytes, 0, Math.min(bytes.length, LOOKED_AT));
  const rule = whole.indexOf(PRINT_RULE);
  const text = rule < 0 ? whole : whole.slice(0, rule);
  const name = NAME.exec(text)?.[1];
  const id = ID.exec(text)?.[1];
  if (name === undefined || id === undefined) return undefined;
  return { system, name, id: Number(id), fields: parseFields(text) };
}

/** The fields that a text describes, by their names. */
export function parseFields(text: string): ReadonlyMap<string, FieldPlace> {
  const fields = new Map<string, FieldPlace>();
  for (const line of text.split("\n")) {
    const [, declaration, offset, size] = FIELD.exec(line) ?? [];
    if (declaration === undefined) continue;
    const name = DECLARED.exec(declaration.trimEnd())?.[1];
    if (name === undefined) continue;
    fields.set(name, { offset: Number(offset), size: Number(size), text: textKind(declaration) });
  }
  return fields;
}

function textKind(declaration: string): FieldPlace["text"] {
  if (declaration.startsWith("__data_loc ")) return "absolute";
  return declaration.startsWith("__rel_loc ") ? "relative" : undefined;
}
