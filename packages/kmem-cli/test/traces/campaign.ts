import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Random } from "../../../kmem/test/support/random.ts";
import { formById } from "../../src/input/known-forms.ts";
import { readTrace } from "../../src/input/read-trace.ts";
import { StatCollector } from "../../src/insight/collector.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import type { OpSink } from "../../src/trace/op-stream.ts";
import { TraceFormatError } from "../../src/trace/trace-error.ts";
import { OpModel } from "../trace/op-model.ts";
import { bytesOf } from "../trace/support.ts";
import { samples } from "./samples.ts";

/** What became of one mutated trace. */
export interface TraceCase {
  readonly form: string;
  readonly fault: string | undefined;
  readonly isRead: boolean;
}

const SEEDS_APART = 1_000_000;
const MUTATIONS_MAX = 6;
/** Of ten traces one is packed, and cut or damaged as such. */
const PACKED_EVERY = 10;
/** Operations that a trace may make for each of its bytes: a line of three makes two at the most. */
const OPS_PER_BYTE = 2;
const SCRAPS: readonly string[] = [
  ..."\n \t\r\\|:[](){},\"'-+<>=;\x1b\0\xff",
  "0x",
  "ffffffffffffffff",
  "18446744073709551615",
  "4294967296",
  "-1",
  "1e300",
  "NaN",
  "(nil)",
  "<unfinished ...>",
  "__proto__",
  '"a":{',
  "[[[[",
];

/** Takes operations, all of which have to be possible, into every consumer. */
class Judge implements OpSink {
  readonly #model = new OpModel();
  readonly #collector: StatCollector;
  readonly #limit: number;
  #count = 0;

  constructor(stream: EventStream, limit: number) {
    this.#collector = new StatCollector(stream);
    this.#limit = limit;
  }

  op(code: number, log2Align: number, slot: number, size: number, aux: number): void {
    this.#count += 1;
    if (this.#count > this.#limit) throw new Error("more operations than bytes");
    this.#model.op(code, log2Align, slot, size, aux);
    this.#collector.op(code, log2Align, slot, size, aux);
  }
}

/** Gives mutated traces to the readers of all forms. */
export class TraceCampaign {
  readonly #samples = [...samples()];
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The forms, in the order in which cases go through them. */
  get forms(): readonly string[] {
    return this.#samples.map(([form]) => form);
  }

  /** Runs case `number`; the forms take turns. Every second case leaves it to the command to find the form out. */
  async run(number: number): Promise<TraceCase> {
    const random = new Random(this.#seed * SEEDS_APART + number);
    const [form, sample] = this.#samples[number % this.#samples.length]!;
    const bytes = mutate(random, sample);
    const known = random.below(2) === 0 ? undefined : formById(form.split(" ")[0]!);
    const stream = new EventStream(true);
    const sink = new Judge(stream, (bytes.length + sample.length) * OPS_PER_BYTE);
    const options = { stdin: Readable.from(chunked(random, packed(random, bytes))), ...(known && { form: known }) };
    try {
      await readTrace("-", sink, stream, options);
      return { form, fault: undefined, isRead: true };
    } catch (error) {
      if (error instanceof TraceFormatError) return { form, fault: undefined, isRead: false };
      return { form, fault: error instanceof Error ? (error.stack ?? error.message) : String(error), isRead: false };
    }
  }
}

/** Changes a trace in some places, by chance. */
export function mutate(random: Random, sample: Uint8Array): Uint8Array {
  let bytes = sample;
  for (let left = random.below(MUTATIONS_MAX); left >= 0; left -= 1) {
    const at = random.below(bytes.length + 1);
    const inserted = insertion(random, sample);
    // What is replaced by as much leaves the rest where the offsets in a file say that it is.
    const isReplaced = random.below(2) === 0;
    const shifted = random.below(3) === 0 ? random.below(30) : random.below(2);
    const removed = isReplaced ? inserted.length : shifted;
    bytes = join(bytes.subarray(0, at), inserted, bytes.subarray(at + removed));
  }
  return random.below(8) === 0 ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}

function insertion(random: Random, sample: Uint8Array): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return new Uint8Array(0);
    case 1:
      return Uint8Array.of(random.below(256));
    case 2:
      return bytesOf(random.pick(SCRAPS));
    default: {
      const start = random.below(sample.length);
      return sample.subarray(start, start + random.below(200));
    }
  }
}

function packed(random: Random, bytes: Uint8Array): Uint8Array {
  if (random.below(PACKED_EVERY) !== 0) return bytes;
  const whole = random.below(2) === 0 ? gzipSync(bytes) : zstdCompressSync(bytes);
  return random.below(2) === 0 ? whole : mutate(random, new Uint8Array(whole));
}

function chunked(random: Random, bytes: Uint8Array): Buffer[] {
  const cut = random.below(bytes.length + 1);
  const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];
  return parts.filter(({ length }) => length > 0).map((part) => Buffer.from(part));
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
