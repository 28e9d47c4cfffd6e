import { ByteReader } from "../binary/bytes.ts";
import { DWARF_64, Form } from "./layout.ts";

/** The sections that texts of line programs are in. */
export interface DwarfTexts {
  readonly strings: ByteReader | undefined;
  readonly lineStrings: ByteReader | undefined;
}

const BYTE_RANGE = 256;
const MARKS_64 = 8;

/** Reads numbers and texts as DWARF has them, the lowest byte first. Every function throws at the end of its part. */
export class DwarfReader extends ByteReader {
  /** Bytes of a length or an offset, of the unit that is being read. */
  offsetBytes = 4;

  /** A number of so many bytes; above 2^53 it is not exact. */
  fixed(byteCount: number): number {
    let value = 0;
    for (let place = 0; place < byteCount; place++) value += this.byte() * BYTE_RANGE ** place;
    return value;
  }

  offset(): number {
    return this.fixed(this.offsetBytes);
  }

  /** The length of a unit, which says how long other offsets in it are. */
  unitLength(): number {
    this.offsetBytes = 4;
    const length = this.fixed(this.offsetBytes);
    if (length !== DWARF_64) return length;
    this.offsetBytes = MARKS_64;
    return this.offset();
  }

  /** A text with a zero after it. What is no UTF-8 in it is replaced. */
  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    const start = this.at;
    this.skip(end < 0 ? this.end - start + 1 : end + 1 - start);
    // A decoder takes no shared bytes.
    return new TextDecoder().decode(this.bytes.slice(start, end));
  }

  /** A field of one of the {@link Form}s. Throws for others: how long they are is not known. */
  form(form: number, texts: DwarfTexts): string | number {
    switch (form) {
      case Form.STRING:
        return this.text();
      case Form.STRP:
        return textAt(texts.strings, this.offset());
      case Form.LINE_STRP:
        return textAt(texts.lineStrings, this.offset());
      case Form.UDATA:
        return this.u64();
      case Form.DATA1:
        return this.fixed(1);
      case Form.DATA2:
        return this.fixed(2);
      case Form.DATA4:
        return this.fixed(4);
      case Form.DATA8:
        return this.fixed(8);
      case Form.DATA16:
        this.skip(16);
        return 0;
      case Form.BLOCK:
        this.skip(this.u32());
        return 0;
      default:
        throw new RangeError(`the form 0x${form.toString(16)} is not known`);
    }
  }
}

/** The text at an offset of a section; empty where there is none. */
function textAt(section: ByteReader | undefined, offset: number): string {
  if (section === undefined || offset >= section.end - section.at) return "";
  return new DwarfReader(section.bytes, section.at + offset, section.end).text();
}
