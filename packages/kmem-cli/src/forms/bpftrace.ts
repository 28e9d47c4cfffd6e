import { type AllocCall, CALL_NAMES, takeCall } from "./call-args.ts";
import { LineFormReader, type LineVerdict, OTHER } from "./line-form.ts";

/**
 * What a printf of bpftrace makes of malloc's probes has no fixed form; these lines are read, with or without a time in
 * nanoseconds, a command and a thread before them: `malloc(24) = 0x55d5`, and `malloc size=24 ptr=0x55d5 tid=7`.
 */
const CALL = new RegExp(
  `^(?:(\\d{1,20}) )?(?:([^ (=]{1,64}) )?(?:(\\d{1,10}) )?(${CALL_NAMES})\\(([^()]{0,200})\\)(?: *= *(\\S{1,40}))?\\s*$`,
);
const FIELDS = new RegExp(`^(.{0,200}?)\\b(${CALL_NAMES}):? ((?:[a-z_]{1,24}[=:] ?[^ ,=]{1,200}[ ,]*){1,12})$`);
const FIELD = /([a-z_]{1,24})[=:] ?([^ ,=]{1,200})/g;
/** Shows the form. */
export const BPFTRACE_LINE: RegExp = new RegExp(
  `^(?:\\d{1,20} )?(?:[^ (=]{1,64} )?(?:\\d{1,10} )?(?:${CALL_NAMES}):? (?:size|ptr|addr|nmemb|old|tid|ts)[=:]|^Attaching \\d{1,4} probes`,
);

/** Names that scripts give to the same field. */
const POINTER_KEYS = ["ptr", "addr", "address", "ret", "retval"];
const OLD_KEYS = ["old", "old_ptr", "oldptr", "in_ptr"];
const SIZE_KEYS = ["size", "bytes", "len", "sz"];

/** Reads text that a script of bpftrace prints for the calls of malloc and free; docs/trace-forms.md has such a script. */
export class BpftraceReader extends LineFormReader {
  protected readonly form = "bpftrace";

  protected read(text: string): LineVerdict {
    const call = CALL.exec(text);
    if (call !== null) {
      const [, time, , thread, name, args, answer] = call;
      this.#setContext(time, thread);
      return this.#take(
        name as AllocCall,
        args!.split(",").map((part) => part.trim()),
        answer,
      );
    }
    const line = FIELDS.exec(text);
    if (line === null) return OTHER;
    const fields = new Map<string, string>();
    for (const [, key, value] of line[3]!.matchAll(FIELD)) fields.set(key!, value!);
    const first = (keys: readonly string[]): string => keys.map((key) => fields.get(key)).find(Boolean) ?? "";
    const time = fields.get("ts") ?? fields.get("time") ?? fields.get("nsecs");
    this.#setContext(time, fields.get("tid") ?? fields.get("pid"));
    const site = fields.get("caller") ?? fields.get("site");
    if (site !== undefined) this.context.stack = this.tables.site(site);
    return this.#takeFields(line[2] as AllocCall, fields, first);
  }

  #takeFields(
    name: AllocCall,
    fields: ReadonlyMap<string, string>,
    first: (keys: readonly string[]) => string,
  ): LineVerdict {
    const pointer = first(POINTER_KEYS);
    const size = first(SIZE_KEYS);
    if (name === "free" || name === "cfree") return this.#take(name, [pointer], undefined);
    if (name === "realloc") return this.#take(name, [first(OLD_KEYS), size], pointer);
    if (name === "calloc") return this.#take(name, [fields.get("nmemb") ?? fields.get("count") ?? "1", size], pointer);
    const isAligned = name !== "malloc" && name !== "valloc" && name !== "reallocarray";
    const alignment = fields.get("alignment") ?? fields.get("align") ?? "1";
    return this.#take(name, isAligned ? [alignment, size] : [size], pointer);
  }

  #setContext(time: string | undefined, thread: string | undefined): void {
    if (time !== undefined && /^\d{1,20}$/.test(time)) this.context.timeNs = Number(time);
    this.context.thread = thread === undefined ? 0 : this.tables.thread(thread);
    this.context.stack = 0;
  }

  #take(name: AllocCall, args: readonly string[], answer: string | undefined): LineVerdict {
    const result = takeCall(this.blocks, name, args, answer);
    return "reason" in result ? result.reason : this.count(result.name);
  }
}
