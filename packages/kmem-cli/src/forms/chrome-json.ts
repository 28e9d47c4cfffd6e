import { type AllocCall, CALL_NAMES, takeCall } from "./call-args.ts";
import { JsonObjectSplitter } from "./json-objects.ts";
import { LineFormReader, type LineVerdict, OTHER } from "./line-form.ts";

const NAME = new RegExp(`^(?:\\w{1,40}:)?(${CALL_NAMES}|kmalloc|kfree|kmem_cache_alloc|kmem_cache_free)$`);
const NS_PER_US = 1000;
const POINTER_KEYS = ["address", "addr", "ptr", "id"];
const SIZE_KEYS = ["size", "bytes", "bytes_req"];
const KERNEL_CALLS: Readonly<Record<string, AllocCall>> = {
  kmalloc: "malloc",
  kmem_cache_alloc: "malloc",
  kfree: "free",
  kmem_cache_free: "free",
};

/** Shows the form, at the beginning of a text. */
export function isChromeJson(text: string): boolean {
  return /^\s*(?:\{[^[]{0,4096}"traceEvents"\s*:\s*\[|\[\s*\{)/.test(text) && /"ph"\s*:/.test(text);
}

/**
 * Reads traces in Chrome's JSON (which Perfetto reads and writes too): events whose name is a call of malloc's or of
 * the kernel's, with `address` and `size` among their `args`. Each event counts as a line.
 */
export class ChromeJsonReader extends LineFormReader {
  protected readonly form = "perfetto";
  readonly #events = new JsonObjectSplitter({
    object: (text) => this.#takeObject(text),
    overlong: () => this.overlongLine(new Uint8Array(0), 0, 0),
  });

  override push(chunk: Uint8Array): void {
    this.#events.push(chunk);
  }

  override end(_isCut: boolean): void {
    if (this.#events.isOpen) this.line(Buffer.from("]"), 0, 1, true);
  }

  #takeObject(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.line(bytes, 0, bytes.length, true);
  }

  protected read(text: string): LineVerdict {
    if (text === "]") return "the text ends inside of an object";
    let event: unknown;
    try {
      event = JSON.parse(text);
    } catch {
      return "it is no JSON";
    }
    const { name, args, ts, tid, pid } = record(event);
    const call = typeof name === "string" ? NAME.exec(name)?.[1] : undefined;
    if (call === undefined) return OTHER;
    const values = record(args);
    const { context, tables } = this;
    if (typeof ts === "number" && ts >= 0) context.timeNs = Math.round(ts * NS_PER_US);
    const thread = tid ?? pid;
    context.thread = thread === undefined ? 0 : tables.thread(String(thread));
    const site = values["site"] ?? values["call_site"];
    context.stack = typeof site === "string" && site !== "" ? tables.site(site) : 0;
    return this.#take(KERNEL_CALLS[call] ?? (call as AllocCall), values);
  }

  #take(name: AllocCall, values: Readonly<Record<string, unknown>>): LineVerdict {
    const of = (keys: readonly string[]): string => {
      const value = keys.map((key) => values[key]).find((one) => one !== undefined);
      return typeof value === "string" || typeof value === "number" ? String(value) : "";
    };
    const pointer = of(POINTER_KEYS);
    const size = of(SIZE_KEYS);
    const args: Partial<Record<AllocCall, readonly string[]>> = {
      calloc: values["count"] === undefined ? ["1", size] : [of(["count"]), size],
      realloc: [of(["old", "old_address", "address"]), size],
      free: [pointer],
      cfree: [pointer],
    };
    const aligned = [of(["alignment", "align"]) || "1", size];
    const rest = /align/.test(name) ? aligned : [size];
    const result = takeCall(this.blocks, name, args[name] ?? rest, pointer);
    return "reason" in result ? result.reason : this.count(result.name);
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
