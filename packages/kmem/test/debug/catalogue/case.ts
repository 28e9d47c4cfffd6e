import { DebugHeap, type DebugHeapOptions } from "../../../src/debug/index.ts";
import { checkHeap, Heap, KmemError } from "../../../src/index.ts";
import { type CacheFunction, type Linux, LogRing, linux } from "../../../src/kernels/linux/linux.ts";
import { MIB } from "../../support/memories.ts";
import { fromObject, steadyText } from "../bench.ts";

/** When a bug comes to light. */
export type Moment = "at once" | "at free" | "at reuse" | "out of quarantine" | "at check" | "never";

/** What a case is played on: a heap, debugged or not, and the Linux calls over it. */
export interface Scene {
  readonly heap: Heap;
  readonly calls: Linux;
  /** Writes bytes, as a program does that has lost its way. */
  readonly write: (address: number, ...bytes: number[]) => void;
  /** The byte at an address, as nobody can watch it being read. */
  readonly read: (address: number) => number;
  readonly cache: (name: string, size: number, ctor?: CacheFunction) => number;
}

/** A case that is ready for its bug: what is done, in this order, while somebody looks whether it comes to light. */
export interface Staged {
  /** Reports are told from this address. */
  readonly object: number;
  readonly bug: () => unknown;
  /** The program goes on, and frees the object. */
  readonly free?: () => unknown;
  /** The block is handed out again. */
  readonly reuse?: () => unknown;
  /** What ends the quarantine; `heap.trim` where nothing is said. */
  readonly leave?: () => unknown;
}

/** A bug, when it is found, and what the finder says. */
export interface CatalogueCase {
  /** The suite that has it, or kmem for those of our own. */
  readonly suite: "slub_kunit" | "kasan" | "kfence" | "kmem";
  /** Its name there. */
  readonly name: string;
  readonly what: string;
  /** The letter without which it is not found; undefined where it is found whatever the letters are, or never. */
  readonly letter?: "Z" | "P" | undefined;
  readonly options?: DebugHeapOptions;
  /** When a debugged heap finds it. */
  readonly found: Moment;
  /** Whether `check()` would have told right after it was done. */
  readonly isChecked: boolean;
  /** When a heap that is not debugged finds it. */
  readonly plain: Moment;
  /** Lines of the reports, and what is printed or thrown; addresses are told from the object. */
  readonly says: readonly string[];
  readonly stage: (scene: Scene) => Staged;
}

/** What became of a case. */
export interface Outcome {
  readonly moment: Moment;
  readonly isChecked: boolean;
  readonly says: readonly string[];
  /** What `check()` finds when all is over. */
  readonly left: readonly unknown[];
}

/** The line that names the bytes, the title and the FIX line. */
const KEY_LINES = /^(\[|BUG |FIX )/;

/** Collects what a heap, and the Linux face over it, have to say. */
class Listener {
  readonly log: LogRing = new LogRing();
  #lines: string[] = [];

  hear(text: string): void {
    const lines = text.split("\n").filter((line) => KEY_LINES.test(line));
    this.#lines.push(...lines.map((line) => line.replace(/@offset=\d+/, "@offset=N")));
  }

  /** Does something; what it throws is heard. */
  watch(action: () => unknown): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof KmemError)) throw error;
      this.#lines.push(`thrown: ${error.code}`);
    }
    this.#lines.push(...this.log.messages());
    this.log.clear();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}

function sceneOf(heap: Heap, log: LogRing): Scene {
  const calls = linux(heap, log);
  const bytes = (): Uint8Array => new Uint8Array(heap.buffer);
  return {
    heap,
    calls,
    write: (address, ...values) => bytes().set(values, address),
    read: (address) => bytes()[address],
    cache: (name, size, ctor) => calls.kmem_cache_create(name, size, 0, 0, ctor ?? null, null),
  };
}

/** Plays a case on a debugged heap. */
export function playDebugged(played: CatalogueCase, debug: string): Outcome {
  const listener = new Listener();
  const heap = DebugHeap.create({
    sizeBytes: 2 * MIB,
    debug,
    report: (report) => listener.hear(steadyText(report)),
    ...played.options,
  });
  return play(played, heap, listener, () => heap.validate());
}

/** Plays a case on a heap that is not debugged: its check is the last that may find something. */
export function playPlain(played: CatalogueCase): Outcome {
  const listener = new Listener();
  const heap = Heap.create({ sizeBytes: 2 * MIB });
  return play(played, heap, listener, () => {
    for (const { problem } of checkHeap(heap).findings) listener.hear(`BUG ${problem}`);
  });
}

function play({ stage }: CatalogueCase, heap: Heap, listener: Listener, check: () => unknown): Outcome {
  const staged = stage(sceneOf(heap, listener.log));
  listener.watch(() => undefined);
  if (listener.lines.length > 0) throw new Error(`before the bug: ${listener.lines.join("\n")}`);
  let moment: Moment = "never";
  const step = (name: Moment, action: (() => unknown) | undefined): void => {
    if (action === undefined || moment !== "never") return;
    listener.watch(action);
    if (listener.lines.length > 0) moment = name;
  };
  step("at once", staged.bug);
  const isChecked = checkHeap(heap).findings.length > 0;
  step("at free", staged.free);
  step("at reuse", staged.reuse);
  step("out of quarantine", staged.leave ?? (() => heap.trim()));
  step("at check", check);
  const says = listener.lines.map((line) => fromObject(line, staged.object));
  return { moment, isChecked, says, left: checkHeap(heap).findings };
}
