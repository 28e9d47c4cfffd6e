import { OP } from "../trace/op-stream.ts";
import { ADDRESS_REASON, EVENT, isSize, LineFormReader, type LineVerdict, OTHER, SIZE_REASON } from "./line-form.ts";
import { log2Of, sizeOf } from "./word64.ts";

/** `--16301-- malloc(24) = 0x4A5B040`. */
const LINE = /^--(\d{1,10})--\s(?:[A-Za-z0-9_]{1,40}: )?\s*(.*)$/;
/** Of `operator new` and `delete` valgrind prints the mangled names. */
const CALL =
  /^(malloc|calloc|realloc|memalign|posix_memalign|aligned_alloc|free|cfree|_Zn[wa]\w{0,60}|_Zd[la]\w{0,60}|operator (?:new|delete)(?:\[\])?[^(]{0,40}|__builtin_\w{1,40})\(([^()]{0,200})\)(.*)$/;
const ANSWER = /^\s*=\s*(0x[0-9A-Fa-f]{1,16}|\(nil\)|0)\s*$/;
/** Shows the form. */
export const VALGRIND_LINE: RegExp =
  /^(?:--|==)\d{1,10}(?:--|==) +(?:malloc|calloc|realloc|memalign|free|_Zn[wa]|_Zd[la]|operator |Memcheck)/;

/** Reads what `valgrind --trace-malloc=yes` prints, among which the program's own output may stand. */
export class ValgrindReader extends LineFormReader {
  protected readonly form = "valgrind";

  protected read(text: string): LineVerdict {
    const line = LINE.exec(text);
    const call = line === null ? null : CALL.exec(line[2]!);
    if (call === null) return OTHER;
    const [, name, args, rest] = call;
    this.context.thread = this.tables.thread(line![1]!);
    return this.#take(name!, args!, rest!);
  }

  #take(name: string, args: string, rest: string): LineVerdict {
    if (/^(?:c?free|_Zd[la]|operator delete)/.test(name)) {
      if (!this.address.set(args.split(",")[0]!)) return ADDRESS_REASON;
      this.blocks.free(this.address.high, this.address.low);
      return this.count("free");
    }
    // realloc of null is printed with the malloc, and realloc to 0 with the free, that it calls.
    const inner = name === "realloc" ? CALL.exec(rest) : null;
    if (inner !== null) return this.#take(inner[1]!, inner[2]!, inner[3]!);
    const answer = ANSWER.exec(rest);
    if (answer === null) return "no address follows the call";
    if (!this.address.set(answer[1]!)) return ADDRESS_REASON;
    const numbers = args.split(",").map((part) => sizeOf(/(?:0x[0-9A-Fa-f]+|\d+)\s*$/.exec(part)?.[0].trim()));
    if (name === "realloc") return this.#realloc(args.split(",")[0]!, numbers[1]);
    return this.#alloc(name, numbers);
  }

  #realloc(old: string, sizeBytes = Number.NaN): LineVerdict {
    if (!this.other.set(old)) return ADDRESS_REASON;
    if (!isSize(sizeBytes)) return SIZE_REASON;
    const { address, other } = this;
    this.blocks.realloc(other.high, other.low, address.high, address.low, sizeBytes);
    return this.count("realloc");
  }

  #alloc(name: string, [first = Number.NaN, second]: readonly number[]): LineVerdict {
    const { high, low } = this.address;
    const isAligned = name.includes("align") && second !== undefined;
    const sizeBytes = name === "calloc" ? first * (second ?? Number.NaN) : isAligned ? second : first;
    if (!isSize(sizeBytes)) return SIZE_REASON;
    if (name === "calloc") this.blocks.alloc(OP.CALLOC, high, low, sizeBytes);
    else if (isAligned) this.blocks.alloc(OP.ALIGNED, high, low, sizeBytes, log2Of(first));
    else this.blocks.alloc(OP.MALLOC, high, low, sizeBytes);
    this.count(isAligned ? "aligned_alloc" : name === "calloc" ? "calloc" : "malloc");
    return EVENT;
  }
}
