import { type AllocCall, takeCall } from "./call-args.ts";
import { LineFormReader, type LineVerdict, OTHER } from "./line-form.ts";

/** `[16:10:05.211812345] (+0.000001) host lttng_ust_libc:malloc: { cpu_id = 0 }, { size = 24, ptr = 0x55D5 }`. */
const LINE =
  /^(?:\[(?:(\d{1,2}):(\d\d):(\d\d)\.(\d{9})|(\d{1,12})\.(\d{9}))\] )?.{0,200}?\b(?:lttng_ust_libc|ust_libc):(malloc|calloc|realloc|free|memalign|posix_memalign): (.*)$/;
const FIELD = /([a-z_]{1,40}) = ("[^"]{0,256}"|0x[0-9a-fA-F]{1,16}|-?\d{1,20})/g;
/** Any other event; one character of its name is enough, and more would be looked for from each place of a long line. */
const OTHER_EVENT = /^\[.*\w: \{/;
/** Shows the form. */
export const LTTNG_LINE: RegExp =
  /\b(?:lttng_ust_libc|ust_libc):(?:malloc|calloc|realloc|free|memalign|posix_memalign): /;

const SECONDS_PER_HOUR = 3600;
const SECONDS_PER_MINUTE = 60;
const NS_PER_SECOND = 1e9;

/** Reads the text that babeltrace makes of LTTng-UST's malloc events (liblttng-ust-libc-wrapper). */
export class LttngReader extends LineFormReader {
  protected readonly form = "lttng";

  protected read(text: string): LineVerdict {
    const match = LINE.exec(text);
    if (match === null) return text.trim() === "" || OTHER_EVENT.test(text) ? OTHER : "not a line of LTTng's text";
    const [, hours, minutes, seconds, ns, epoch, epochNs, name, rest] = match;
    const fields = new Map<string, string>();
    for (const [, key, value] of rest!.matchAll(FIELD)) fields.set(key!, value!.replaceAll('"', ""));
    const { context } = this;
    if (epoch !== undefined) context.timeNs = Number(epoch) * NS_PER_SECOND + Number(epochNs);
    else if (hours !== undefined) {
      const second = Number(hours) * SECONDS_PER_HOUR + Number(minutes) * SECONDS_PER_MINUTE + Number(seconds);
      context.timeNs = second * NS_PER_SECOND + Number(ns);
    }
    context.cpu = Number(fields.get("cpu_id") ?? -1) + 1;
    const thread = fields.get("vtid") ?? fields.get("vpid");
    context.thread = thread === undefined ? 0 : this.tables.thread(thread);
    return this.#take(name as AllocCall, fields);
  }

  #take(name: AllocCall, fields: ReadonlyMap<string, string>): LineVerdict {
    const of = (key: string): string => fields.get(key) ?? "";
    const pointer = fields.get(name === "posix_memalign" ? "out_ptr" : "ptr");
    const argsOf: Partial<Record<AllocCall, readonly string[]>> = {
      malloc: [of("size")],
      calloc: [of("nmemb"), of("size")],
      realloc: [of("in_ptr"), of("size")],
      memalign: [of("alignment"), of("size")],
      posix_memalign: [of("alignment"), of("size")],
      free: [of("ptr")],
    };
    const result = takeCall(this.blocks, name, argsOf[name]!, pointer);
    return "reason" in result ? result.reason : this.count(result.name);
  }
}
