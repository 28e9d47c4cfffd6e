import { OP } from "../trace/op-stream.ts";
import { isSize, LineFormReader, type LineVerdict, OTHER, SIZE_REASON } from "./line-form.ts";

const LINE = /^([arf]) (\d{1,10})(?: (\d{1,15}))?\s*$/;
/** Shows the form. */
export const MALLOC_LAB_LINE: RegExp = /^(?:[ar] \d{1,10} \d{1,12}|f \d{1,10})\s*$/;
/** Numbers that stand before the first operation: suggested heap size, ids, operations, weight. */
const HEADER_LINES_MAX = 4;

/** Reads the traces of the malloc labs of courses (.rep): ids in place of addresses. */
export class MallocLabReader extends LineFormReader {
  protected readonly form = "rep";
  #headerLines = 0;

  protected read(text: string): LineVerdict {
    const match = LINE.exec(text);
    if (match === null) {
      if (text.trim() === "" || text.startsWith("#")) return OTHER;
      if (/^\d{1,15}\s*$/.test(text) && this.#headerLines < HEADER_LINES_MAX) {
        this.#headerLines += 1;
        return OTHER;
      }
      return "not a line of a .rep file";
    }
    const [, code, id, size] = match;
    // Id 0 is a block like any other, but address 0 is none.
    this.address.setNumber(Number(id) + 1);
    const { high, low } = this.address;
    if (code === "f") {
      this.blocks.free(high, low);
      return this.count("free");
    }
    const sizeBytes = Number(size ?? Number.NaN);
    if (!isSize(sizeBytes)) return SIZE_REASON;
    if (code === "a") this.blocks.alloc(OP.MALLOC, high, low, sizeBytes);
    else this.blocks.realloc(high, low, high, low, sizeBytes);
    return this.count(code === "a" ? "malloc" : "realloc");
  }
}
