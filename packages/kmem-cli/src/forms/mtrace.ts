import { OP } from "../trace/op-stream.ts";
import { ADDRESS_REASON, isSize, LineFormReader, type LineVerdict, OTHER, SIZE_REASON } from "./line-form.ts";
import { sizeOf } from "./word64.ts";

/** `@ ./prog:(main+0x12)[0x401136] + 0x55d5c8e2a2a0 0x64`: a call site, what was done, an address and a size. */
const LINE = /^(?:@ (.{1,512}?) )?([-+<>!]) (0x[0-9a-fA-F]{1,16}|\(nil\))(?: (0x[0-9a-fA-F]{1,16}|\d{1,20}))?\s*$/;
/** Shows the form. */
export const MTRACE_LINE: RegExp = /^= (?:Start|End)\s*$|^@ .{0,400}[)\]] [-+<>!] (?:0x[0-9a-f]|\(nil)/;

/** Reads the log of glibc's mtrace(3). A realloc is two lines, `<` with the old address and `>` with the new one. */
export class MtraceReader extends LineFormReader {
  protected readonly form = "mtrace";
  #hasOld = false;

  protected read(text: string): LineVerdict {
    const match = LINE.exec(text);
    if (match === null) {
      return /^= (?:Start|End)\s*$/.test(text) || text.trim() === "" ? OTHER : "not a line of mtrace";
    }
    const [, site, sign, pointer, sizeText] = match;
    this.context.stack = site === undefined ? 0 : this.tables.site(site);
    if (sign === "<") {
      if (!this.other.set(pointer!)) return ADDRESS_REASON;
      this.#hasOld = true;
      return OTHER;
    }
    if (!this.address.set(pointer!)) return ADDRESS_REASON;
    if (sign === "-") {
      this.blocks.free(this.address.high, this.address.low);
      return this.count("free");
    }
    const sizeBytes = sizeOf(sizeText);
    if (!isSize(sizeBytes)) return SIZE_REASON;
    if (sign === "+") {
      this.blocks.alloc(OP.MALLOC, this.address.high, this.address.low, sizeBytes);
      return this.count("malloc");
    }
    return this.#realloc(sign === "!", sizeBytes);
  }

  #realloc(hasFailed: boolean, sizeBytes: number): LineVerdict {
    const { blocks, address, other } = this;
    if (hasFailed) blocks.realloc(address.high, address.low, 0, 0, Math.max(1, sizeBytes));
    else if (this.#hasOld) blocks.realloc(other.high, other.low, address.high, address.low, sizeBytes);
    else return "the new address of a realloc without the old one before it";
    this.#hasOld = false;
    return this.count("realloc");
  }
}
