import { OP } from "../trace/op-stream.ts";
import { ADDRESS_REASON, EVENT, isSize, LineFormReader, type LineVerdict, OTHER, SIZE_REASON } from "./line-form.ts";

const HEX = 16;
const NS_PER_MS = 1e6;
/** Strings have their length before them from this version of the file on. */
const SIZED_STRINGS_VERSION = 3;
/** Names, instructions, stacks and kinds of allocation that are kept; a file with more of them is no heaptrack's. */
const ENTRIES_MAX = 2 ** 21;
const NAME_LENGTH_MAX = 512;
const FULL_REASON = "there are more entries than heaptrack makes";
const FIELD_REASON = "a field is no hexadecimal number";
const INDEX_REASON = "it names an entry that there is not";
/** Fields of an instruction before its frames, and of each frame: function, file, line. */
const IP_HEAD_FIELDS = 2;
const FRAME_FIELDS = 3;

/** Shows the form. */
export const HEAPTRACK_LINE: RegExp =
  /^v [0-9a-f]{4,6} [0-9a-f]{1,2}$|^X .|^I [0-9a-f]{1,8} [0-9a-f]{1,8}$|^\+ [0-9a-f]{1,8}$/;

/**
 * Reads what heaptrack writes, unpacked: its finished files, where an event names one of the kinds of allocation (a
 * size and a stack) that stand before it, and its raw ones (`heaptrack --raw`), where an event has its address. A
 * finished file does not say which of several equal blocks is freed: the youngest is taken.
 */
export class HeaptrackReader extends LineFormReader {
  protected readonly form = "heaptrack";
  #hasSizedStrings = false;
  #serial = 0;
  readonly #strings: string[] = [""];
  /** By number of an instruction: its frames, the innermost first. */
  readonly #frames: number[][] = [[]];
  /** By number of a stack: its id in the tables. */
  readonly #stacks: number[] = [0];
  readonly #sizes: number[] = [];
  readonly #allocStacks: number[] = [];
  /** By kind of allocation: the serial numbers of its live blocks. */
  readonly #live: (number[] | undefined)[] = [];

  protected read(text: string): LineVerdict {
    const rest = text.slice(2);
    switch (text.charCodeAt(0)) {
      case 0x2b: // +
        return this.#alloc(fieldsOf(rest));
      case 0x2d: // -
        return this.#free(rest.trim());
      case 0x61: // a
        return this.#addKind(fieldsOf(rest));
      case 0x74: // t
        return this.#addStack(fieldsOf(rest));
      case 0x69: // i
        return this.#addInstruction(fieldsOf(rest));
      case 0x73: // s
        return this.#addString(rest);
      case 0x63: // c
        return this.#setTime(fieldsOf(rest));
      case 0x76: // v
        this.#hasSizedStrings = Number.parseInt(rest.split(" ")[1] ?? "0", HEX) >= SIZED_STRINGS_VERSION;
        return OTHER;
      default:
        return text === "" || /^(?:[ASRXIxm] |#|A$)/.test(text) ? OTHER : "not a line of heaptrack's";
    }
  }

  #addString(text: string): LineVerdict {
    if (this.#strings.length >= ENTRIES_MAX) return FULL_REASON;
    const name = this.#hasSizedStrings ? text.slice(text.indexOf(" ") + 1) : text;
    this.#strings.push(name.slice(0, NAME_LENGTH_MAX));
    return OTHER;
  }

  #addInstruction(fields: readonly number[]): LineVerdict {
    if (this.#frames.length >= ENTRIES_MAX) return FULL_REASON;
    if (fields.some(Number.isNaN)) return FIELD_REASON;
    const frames: number[] = [];
    for (let at = IP_HEAD_FIELDS; at + 1 < fields.length && frames.length < NAME_LENGTH_MAX; at += FRAME_FIELDS) {
      const name = this.#strings[fields[at]!];
      const file = this.#strings[fields[at + 1]!];
      if (name === undefined || file === undefined) return INDEX_REASON;
      frames.push(this.tables.frame(file === "" ? name : `${name} (${file}:${fields[at + 2] ?? 0})`));
    }
    if (frames.length === 0) frames.push(this.#moduleFrame(fields));
    this.#frames.push(frames);
    return OTHER;
  }

  #moduleFrame([ip = 0, module = 0, name = 0]: readonly number[]): number {
    const known = this.#strings[name] ?? "";
    const place = `0x${ip.toString(HEX)}`;
    return this.tables.frame(known === "" ? `${place} (${this.#strings[module] ?? ""})` : known);
  }

  #addStack([ip, parent]: readonly number[]): LineVerdict {
    if (this.#stacks.length >= ENTRIES_MAX) return FULL_REASON;
    if (ip === undefined || parent === undefined || Number.isNaN(ip + parent)) return FIELD_REASON;
    const { stacks } = this.tables;
    let stack = this.#stacks[parent];
    if (stack === undefined) return INDEX_REASON;
    // A raw file has the address of the instruction, as none of its instructions has a number.
    const frames = this.#frames.length > 1 ? this.#frames[ip] : [this.tables.frame(`0x${ip.toString(HEX)}`)];
    if (frames === undefined) return INDEX_REASON;
    for (const frame of frames.toReversed()) stack = stacks.intern(stack, frame);
    this.#stacks.push(stack);
    return OTHER;
  }

  #addKind([sizeBytes, stack]: readonly number[]): LineVerdict {
    if (this.#sizes.length >= ENTRIES_MAX) return FULL_REASON;
    if (!isSize(sizeBytes ?? Number.NaN)) return SIZE_REASON;
    this.#sizes.push(sizeBytes!);
    this.#allocStacks.push(this.#stacks[stack ?? 0] ?? 0);
    return OTHER;
  }

  #setTime([ms]: readonly number[]): LineVerdict {
    if (ms === undefined || Number.isNaN(ms)) return FIELD_REASON;
    this.context.timeNs = ms * NS_PER_MS;
    return OTHER;
  }

  #alloc([first, stack, pointer]: readonly number[]): LineVerdict {
    if (first === undefined || Number.isNaN(first)) return FIELD_REASON;
    if (pointer !== undefined) return this.#allocRaw(first, stack ?? 0, pointer);
    const sizeBytes = this.#sizes[first];
    if (sizeBytes === undefined) return INDEX_REASON;
    this.context.stack = this.#allocStacks[first]!;
    this.#serial += 1;
    this.address.setNumber(this.#serial);
    const live = this.#live[first];
    if (live === undefined) this.#live[first] = [this.#serial];
    else live.push(this.#serial);
    this.blocks.alloc(OP.MALLOC, this.address.high, this.address.low, sizeBytes);
    return this.count("malloc");
  }

  #allocRaw(sizeBytes: number, stack: number, pointer: number): LineVerdict {
    if (!isSize(sizeBytes)) return SIZE_REASON;
    if (!Number.isSafeInteger(pointer)) return ADDRESS_REASON;
    this.context.stack = this.#stacks[stack] ?? 0;
    this.address.setNumber(pointer);
    this.blocks.alloc(OP.MALLOC, this.address.high, this.address.low, sizeBytes);
    return this.count("malloc");
  }

  #free(text: string): LineVerdict {
    if (this.#sizes.length === 0) {
      if (!this.address.setHex(text)) return ADDRESS_REASON;
      this.blocks.free(this.address.high, this.address.low);
      return this.count("free");
    }
    const kind = Number.parseInt(text, HEX);
    if (this.#sizes[kind] === undefined) return INDEX_REASON;
    const serial = this.#live[kind]?.pop();
    // The address of no block: it counts as a free of what was never seen.
    this.address.setNumber(serial ?? Number.MAX_SAFE_INTEGER);
    this.blocks.free(this.address.high, this.address.low);
    this.count("free");
    return EVENT;
  }
}

function fieldsOf(text: string): number[] {
  return text
    .trimEnd()
    .split(" ")
    .map((part) => (/^[0-9a-f]{1,14}$/.test(part) ? Number.parseInt(part, HEX) : Number.NaN));
}
