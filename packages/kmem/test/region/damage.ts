import { AtomikKmalloc } from "../../src/kernels/atomik/kmalloc.ts";
import type { LinearMemory } from "../../src/memory/memory.ts";
import { chunksOf } from "../../src/region/check.ts";
import type { Words } from "../../src/region/free-index.ts";
import { allocateFirst, allocateWorst, createRegion, release } from "../../src/region/region.ts";
import { freeFault } from "../../src/region/verify.ts";
import { Random } from "../support/random.ts";

/** What a campaign of damaged regions has seen. */
export interface RegionDamageReport {
  readonly cases: number;
  /** Calls that printed one message, were refused and changed no byte. */
  refused: number;
  /** Calls that gave what they give without the damage, and changed what they change then. */
  right: number;
  /** With several words damaged: calls that printed nothing and gave or changed something else, in the region. */
  unnoticed: number;
  /** What must not be. */
  readonly faults: string[];
}

const HEADER_WORDS = 8;
/** Bytes before the first region, between the two, and behind the second. */
const MARGIN_BYTES = 64;
const SECOND_REGION_BYTES = 512;
/** Far above what one call reads in the largest region of the campaign; below what a loop reads. */
const MAX_READS = 20_000;
const CHUNK_COUNTS = [1, 2, 3, 5, 8, 13, 21, 40, 80, 200];
const CHUNK_BYTES = 160;
const MAX_REPORTED = 20;

type Call = { readonly name: "kmalloc" | "kmalloc_fast" | "kfree"; readonly argument: number };

interface Scene {
  readonly words: Words;
  readonly header: number;
  /** One past the last word of the region. */
  readonly end: number;
  readonly live: readonly number[];
}

/** A region at random, with another one right behind it, and bytes of somebody else's around them. */
function makeScene(random: Random): Scene {
  const chunks = random.pick(CHUNK_COUNTS);
  const regionBytes = 128 + chunks * CHUNK_BYTES;
  const words = new Int32Array((MARGIN_BYTES * 2 + regionBytes + SECOND_REGION_BYTES) / 4);
  for (let word = 0; word < words.length; word++) words[word] = random.below(2 ** 32) | 0;
  const start = MARGIN_BYTES;
  const header = createRegion(words, start, start + regionBytes - 1) / 4;
  const second = createRegion(words, start + regionBytes, start + regionBytes + SECOND_REGION_BYTES - 1) / 4;
  for (const bytes of [16, 64, 16]) allocateFirst(words, second, bytes);
  const live: number[] = [];
  for (let step = 0; step < chunks * 3; step++) {
    if (random.below(5) < 3 || live.length === 0) {
      const allocate = random.below(2) === 0 ? allocateFirst : allocateWorst;
      const address = allocate(words, header, random.size(random.below(6) === 0 ? 600 : 120));
      if (address > 0) live.push(address);
    } else {
      const [address] = live.splice(random.below(live.length), 1);
      release(words, header, address as number);
    }
  }
  return { words, header, end: header + regionBytes / 4, live };
}

function pickCall({ live }: Scene, random: Random): Call {
  if (live.length > 0 && random.below(2) === 0) return { name: "kfree", argument: random.pick(live) };
  const name = random.below(2) === 0 ? "kmalloc" : "kmalloc_fast";
  return { name, argument: random.size(random.below(4) === 0 ? 600 : 120) };
}

/** The word index of a random chunk's header, or the region's; often of a chunk near the one that is freed. */
function pickHeader({ words, header }: Scene, call: Call, random: Random): number {
  if (random.below(12) === 0) return header;
  const starts = [...chunksOf(words, header)].map(({ address }) => address / 4);
  if (call.name !== "kfree" || random.below(2) === 0) return random.pick(starts);
  const index = starts.indexOf(call.argument / 4 - HEADER_WORDS) + random.below(5) - 2;
  return starts[Math.min(Math.max(index, 0), starts.length - 1)] as number;
}

/** Random, near to what is there, or with a meaning in some header. */
function pickValue(scene: Scene, word: number, random: Random): number {
  const { words, header, end } = scene;
  const old = words[word] as number;
  const chunks = [...chunksOf(words, header)];
  const chunk = random.pick(chunks);
  switch (random.below(10)) {
    case 0:
      return random.below(2 ** 32) | 0;
    case 1:
      return old + random.pick([-48, -16, -4, -2, -1, 1, 2, 4, 16, 48]);
    case 2:
      return old ^ (1 << random.below(32));
    case 3:
      return random.pick([0, 1, -1, 3, 0x7fff_ffff, 1 << 31, 1 << 8, 1 << 16]);
    case 4:
      return chunk.address;
    case 5:
      return random.pick([chunk.payload, chunk.blocks, chunk.address + 16, words[chunk.address / 4 + 5] as number]);
    case 6:
      return random.pick([header * 4, end * 4, end * 4 + 32, MARGIN_BYTES - 16, words.byteLength - 16]);
    case 7:
      // The same field of another chunk.
      return words[chunk.address / 4 + ((word - header) % 4) + random.pick([0, 4])] as number;
    case 8:
      return random.pick(chunks.filter(({ busy }) => !busy).concat(chunk)).address;
    default:
      return words[header + random.below(HEADER_WORDS)] as number;
  }
}

/** A memory that notes who writes where, and ends what reads without end. */
function watched(words: Words, scene: Scene, onWild: (word: number) => void): LinearMemory {
  let reads = 0;
  const proxy = new Proxy(words, {
    get(target, key) {
      if (typeof key === "symbol" || key === "length") return Reflect.get(target, key);
      if (++reads > MAX_READS) throw new Error("an endless loop");
      return target[key as unknown as number];
    },
    set(target, key, value) {
      const word = Number(key);
      if (word < scene.header || word >= scene.end) onWild(word);
      target[word] = value;
      return true;
    },
  });
  const memory = { words: proxy, byteLength: words.byteLength, refresh: () => false };
  return memory as unknown as LinearMemory;
}

interface Outcome {
  readonly result: number;
  readonly messages: readonly string[];
  readonly thrown: string;
}

function perform(memory: LinearMemory, header: number, { name, argument }: Call): Outcome {
  const messages: string[] = [];
  const kmalloc = new AtomikKmalloc(memory, (message) => messages.push(message));
  let result = 0;
  let thrown = "";
  try {
    if (name === "kfree") kmalloc.kfree(argument, header * 4);
    else if (name === "kmalloc") result = kmalloc.kmalloc(argument, header * 4);
    else result = kmalloc.kmallocFast(argument, header * 4);
  } catch (error) {
    thrown = String(error);
  }
  return { result, messages, thrown };
}

function differences(a: Words, b: Words): number[] {
  const found: number[] = [];
  for (let word = 0; word < a.length; word++) if (a[word] !== b[word]) found.push(word);
  return found;
}

/**
 * Regions at random, each with `damagedWords` words of its headers overwritten and then one call that is correct. Right
 * is: what the call gives and changes without the damage; or one message, NULL and no byte changed. With more words
 * than one a call may not notice it, but nothing outside of the region is ever written, and it ends.
 */
export function regionDamageCampaign(cases: number, seed: number, damagedWords = 1): RegionDamageReport {
  const random = new Random(seed);
  const report: RegionDamageReport = { cases, refused: 0, right: 0, unnoticed: 0, faults: [] };
  for (let number = 0; number < cases; number++) {
    const scene = makeScene(random);
    const call = pickCall(scene, random);
    const damaged = new Set<number>();
    const { words } = scene;
    const twin = words.slice();
    for (let count = 0; count < damagedWords; count++) {
      const word = pickHeader({ ...scene, words: twin }, call, random) + random.below(HEADER_WORDS);
      words[word] = pickValue({ ...scene, words: twin }, word, random);
      damaged.add(word);
    }
    const where = [...damaged].map((word) => `${word * 4}: ${twin[word]} -> ${words[word]}`).join(", ");
    const fault = judge(scene, call, { twin, damaged }, report);
    if (fault !== "" && report.faults.length < MAX_REPORTED) {
      report.faults.push(`case ${number} of seed ${seed}: ${call.name}(${call.argument}), ${where}: ${fault}`);
    }
  }
  return report;
}

interface Before {
  /** The words without the damage. */
  readonly twin: Words;
  readonly damaged: ReadonlySet<number>;
}

/** Runs the call on the damaged words and on their twin; counts it, or says what must not be. */
function judge(scene: Scene, call: Call, { twin, damaged }: Before, report: RegionDamageReport): string {
  const { words, header } = scene;
  const before = words.slice();
  let wild = -1;
  const outcome = perform(
    watched(words, scene, (word) => {
      wild = word;
    }),
    header,
    call,
  );
  if (outcome.thrown !== "") return outcome.thrown;
  if (wild >= 0) return `a write outside of the region, at ${wild * 4}`;
  const { messages, result } = outcome;
  if (messages.length > 1) return `${messages.length} messages`;
  if (messages.length === 1) {
    if (result !== 0) return `${messages[0]}, and yet ${result}`;
    const [changed] = differences(before, words);
    if (changed !== undefined) return `${messages[0]}, and yet the word at ${changed * 4} has changed`;
    report.refused++;
    return "";
  }
  const plain = { words: twin, byteLength: twin.byteLength, refresh: () => false } as unknown as LinearMemory;
  const expected = perform(plain, header, call);
  const spread = differences(twin, words).find((word) => !damaged.has(word)) ?? -1;
  if (expected.result === result && spread < 0) {
    report.right++;
    return "";
  }
  if (damaged.size > 1) {
    report.unnoticed++;
    return "";
  }
  return expected.result === result
    ? `unnoticed, and the word at ${spread * 4} is ${words[spread]}, not ${twin[spread]}`
    : `unnoticed, and ${result} instead of ${expected.result}`;
}

/** Whether the calls of a scene without damage are right, which the campaign rests on. */
export function sceneFaults(cases: number, seed: number): string[] {
  const random = new Random(seed);
  return Array.from({ length: cases }, () => {
    const { words, header, live } = makeScene(random);
    return live.map((address) => freeFault(words, header, address)?.kind ?? "").filter((kind) => kind !== "");
  }).flat();
}
