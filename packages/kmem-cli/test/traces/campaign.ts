import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Random } from "../../../kmem/test/support/random.ts";
import { formById, TRACE_FORMS } from "../../src/forms/known-forms.ts";
import { readTrace } from "../../src/forms/read-trace.ts";
import { StatCollector } from "../../src/insight/collector.ts";
import { BrokenLog } from "../../src/trace/broken-log.ts";
import { MemorySource } from "../../src/trace/byte-source.ts";
import { EventStream } from "../../src/trace/event-context.ts";
import type { OpSink } from "../../src/trace/op-stream.ts";
import { TraceFormatError } from "../../src/trace/trace-error.ts";
import { OpModel } from "../trace/op-model.ts";
import { type Damage, damageBinary, damageText } from "./mutate.ts";
import { innerDamages, samples } from "./samples.ts";

/** What became of one mutated trace. */
export interface TraceCase {
  readonly form: string;
  readonly fault: string | undefined;
  readonly isRead: boolean;
}

const SEEDS_APART = 1_000_000;
/** One trace in so many goes the command's whole way: through a stream, packed or not, to a form that is found out. */
const WHOLE_WAY_EVERY = 16;
/** Of those one in so many is packed, and cut or damaged as such. */
const PACKED_EVERY = 4;
/** Of samples with packed parts every second trace is damaged inside of these. */
const INSIDE_EVERY = 2;
/** Operations that a trace may make for each of its bytes, unpacked: a line of three makes two at the most. */
const OPS_PER_BYTE = 2;
/** What a packed part may unpack to, beside the sample's own bytes, as damage makes it. */
const UNPACKED_SLACK_BYTES = 2_000_000;
const TEXT_FORMS: ReadonlySet<string> = new Set(TRACE_FORMS.filter(({ isText }) => isText).map(({ id }) => id));

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

  /** Blocks that are live by the operations. */
  get liveBlockCount(): number {
    return this.#model.live.size;
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
  /** The samples of each form. */
  readonly #forms: readonly (readonly [name: string, bytes: Uint8Array][])[];
  readonly #innerDamages = innerDamages();
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#forms = [...Map.groupBy(samples(), ([name]) => idOf(name)).values()];
  }

  get formCount(): number {
    return this.#forms.length;
  }

  /** Runs case `number`; the forms take turns, and so do the samples of each. */
  async run(number: number): Promise<TraceCase> {
    const random = new Random(this.#seed * SEEDS_APART + number);
    const ofForm = this.#forms[number % this.#forms.length]!;
    const [form, sample] = ofForm[Math.floor(number / this.#forms.length) % ofForm.length]!;
    const id = idOf(form);
    const damage = TEXT_FORMS.has(id) ? damageText(random) : damageBinary(random);
    const inside = random.below(INSIDE_EVERY) === 0 ? this.#innerDamages.get(form) : undefined;
    const bytes = inside === undefined ? damage(sample) : inside(random, damage);
    const slack = this.#innerDamages.has(form) ? UNPACKED_SLACK_BYTES : 0;
    const stream = new EventStream(true);
    const sink = new Judge(stream, (bytes.length + sample.length + slack) * OPS_PER_BYTE);
    try {
      if (random.below(WHOLE_WAY_EVERY) === 0) await readWholeWay(random, id, bytes, damage, stream, sink);
      else await readDirectly(random, id, bytes, stream, sink);
      return { form, fault: undefined, isRead: true };
    } catch (error) {
      if (error instanceof TraceFormatError) return { form, fault: undefined, isRead: false };
      return { form, fault: error instanceof Error ? (error.stack ?? error.message) : String(error), isRead: false };
    }
  }
}

/** Samples are called by their form's id first. */
function idOf(name: string): string {
  return name.split(" ")[0]!;
}

/** Reads as the command does; every second trace leaves it to find the form out. */
async function readWholeWay(
  random: Random,
  id: string,
  bytes: Uint8Array,
  damage: Damage,
  stream: EventStream,
  sink: Judge,
): Promise<void> {
  const known = random.below(2) === 0 ? undefined : formById(id);
  const stdin = Readable.from(chunked(random, packed(random, bytes, damage)).map((part) => Buffer.from(part)));
  await readTrace("-", sink, stream, { stdin, ...(known && { form: known }) });
}

/** Reads as the command does once it knows the form, without streams and files. */
async function readDirectly(
  random: Random,
  id: string,
  bytes: Uint8Array,
  stream: EventStream,
  sink: Judge,
): Promise<void> {
  const broken = new BrokenLog();
  const reader = formById(id)!.open({ sink, stream, broken });
  try {
    if (reader.readWhole !== undefined) await reader.readWhole(new MemorySource(bytes), () => {});
    else {
      for (const chunk of chunked(random, bytes)) reader.push(chunk);
      await reader.end(random.below(PACKED_EVERY) === 0);
    }
  } finally {
    reader.close?.();
  }
  const { live } = reader.summarize();
  reader.totals();
  broken.report();
  if (live.liveBlockCountAtEnd !== sink.liveBlockCount) throw new Error("the summary has other blocks at the end");
}

function packed(random: Random, bytes: Uint8Array, damage: Damage): Uint8Array {
  if (random.below(PACKED_EVERY) !== 0) return bytes;
  const whole = random.below(2) === 0 ? gzipSync(bytes) : zstdCompressSync(bytes);
  return random.below(2) === 0 ? whole : damage(new Uint8Array(whole));
}

function chunked(random: Random, bytes: Uint8Array): Uint8Array[] {
  const cut = random.below(bytes.length + 1);
  const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];
  return parts.filter(({ length }) => length > 0);
}
