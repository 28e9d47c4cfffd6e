import { type AllocCall, CALL_NAMES, takeCall } from "./call-args.ts";
import { LineFormReader, type LineVerdict, OTHER } from "./line-form.ts";

const PREFIX = "^(?:\\[pid (\\d{1,10})\\] |(\\d{1,10}) +)?(?:(\\d{1,12}\\.\\d{1,9}) )?";
const CALL = new RegExp(`${PREFIX}(?:\\[0x[0-9a-f]{1,16}\\] )?(?:\\S{1,200}->)?(${CALL_NAMES})\\(([^()]{0,200})(.*)$`);
const RESUMED = new RegExp(`${PREFIX}<\\.\\.\\. (${CALL_NAMES}) resumed> (.*)$`);
const ANSWER = /\)\s*=\s*(0x[0-9a-f]{1,16}|nil|0|<void>)/;
/** Threads that may be inside of a call at a time. */
const OPEN_CALLS_MAX = 4096;
const NS_PER_SECOND = 1e9;

/** Shows the form. */
export const LTRACE_LINE: RegExp =
  /\b(?:malloc|calloc|realloc|memalign|aligned_alloc|posix_memalign|free)\([^()]{0,200}\) *(?:=|<unfinished)|^(?:\[pid \d{1,10}\] )?<\.\.\. (?:malloc|free|calloc|realloc) resumed>/;

interface OpenCall {
  readonly name: AllocCall;
  readonly args: readonly string[];
}

/** Reads the output of ltrace, with or without `-f`, `-tt` and `-i`; a call that another thread interrupts is put together. */
export class LtraceReader extends LineFormReader {
  protected readonly form = "ltrace";
  readonly #openCalls = new Map<string, OpenCall>();

  protected read(text: string): LineVerdict {
    const call = CALL.exec(text);
    if (call !== null) return this.#begin(call);
    const resumed = RESUMED.exec(text);
    if (resumed === null) return OTHER;
    const [, bracketed, plain, time, name, rest] = resumed;
    const thread = bracketed ?? plain ?? "";
    const open = this.#openCalls.get(thread);
    if (open === undefined || open.name !== name) return "the end of a call whose beginning is missing";
    this.#openCalls.delete(thread);
    this.#setContext(thread, time);
    return this.#take(open, rest!);
  }

  #begin([, bracketed, plain, time, name, argText, rest]: RegExpExecArray): LineVerdict {
    const thread = bracketed ?? plain ?? "";
    const open = {
      name: name as AllocCall,
      args: argText!
        .replace(/<unfinished.*$/, "")
        .split(",")
        .map(trim),
    };
    if (/<unfinished/.test(argText! + rest!)) {
      if (this.#openCalls.size >= OPEN_CALLS_MAX) return "more calls are open than a program has threads";
      this.#openCalls.set(thread, open);
      return OTHER;
    }
    this.#setContext(thread, time);
    return this.#take(open, rest!);
  }

  #setContext(thread: string, time: string | undefined): void {
    this.context.thread = thread === "" ? 0 : this.tables.thread(thread);
    if (time !== undefined) this.context.timeNs = Math.round(Number(time) * NS_PER_SECOND);
  }

  #take({ name, args }: OpenCall, rest: string): LineVerdict {
    const answer = ANSWER.exec(rest)?.[1];
    // The program ended inside of the call.
    if (answer === undefined && name !== "free" && name !== "cfree") return "no answer follows the call";
    // Its address goes to where an argument points, which ltrace does not show.
    if (name === "posix_memalign") return "the address that posix_memalign gives is not in ltrace's output";
    const result = takeCall(this.blocks, name, args, answer === "<void>" ? undefined : answer);
    return "reason" in result ? result.reason : this.count(result.name);
  }
}

function trim(text: string): string {
  return text.trim();
}
