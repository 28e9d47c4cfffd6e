import { type AllocCall, takeCall } from "./call-args.ts";
import { LineFormReader, type LineVerdict, OTHER } from "./line-form.ts";

const LINE =
  /^\s*(\d{1,10}): (malloc|calloc|realloc|memalign|aligned_alloc|posix_memalign|free|thread_done) (0x[0-9a-fA-F]{1,16}|\d{1,20})((?: +(?:0x[0-9a-fA-F]{1,16}|\d{1,20}))*)\s*$/;
/** Shows the form. */
export const MEMORY_REPLAY_LINE: RegExp =
  /^\s*\d{1,10}: (?:malloc|calloc|realloc|memalign|aligned_alloc|free|thread_done) (?:0x)?[0-9a-f]/;

/** Arguments that each call has; a start and an end time in nanoseconds may follow. */
const ARGUMENT_COUNTS: Readonly<Record<string, number>> = {
  malloc: 1,
  calloc: 2,
  realloc: 2,
  memalign: 2,
  aligned_alloc: 2,
  posix_memalign: 2,
  free: 0,
};

/** Reads the traces of Android's memory_replay, which its malloc debug writes. */
export class MemoryReplayReader extends LineFormReader {
  protected readonly form = "memory_replay";

  protected read(text: string): LineVerdict {
    const match = LINE.exec(text);
    if (match === null) return text.trim() === "" || text.startsWith("#") ? OTHER : "not a line of memory_replay";
    const [, thread, name, pointer, rest] = match;
    if (name === "thread_done") return OTHER;
    const numbers = rest!.trim().split(/ +/);
    const args = numbers.slice(0, ARGUMENT_COUNTS[name!]);
    if (args.length < ARGUMENT_COUNTS[name!]!) return "a number is missing";
    const start = numbers[args.length];
    this.context.thread = this.tables.thread(thread!);
    if (start !== undefined && start !== "") this.context.timeNs = Number(start);
    const isFree = name === "free";
    const result = takeCall(this.blocks, name as AllocCall, isFree ? [pointer!] : args, isFree ? undefined : pointer);
    return "reason" in result ? result.reason : this.count(result.name);
  }
}
