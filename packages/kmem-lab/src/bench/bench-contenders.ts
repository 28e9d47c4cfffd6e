import { type Contender, defaultContenders, isReady, type ReadyContender } from "kmem-cli/internal/replay/contender";
import type { Job } from "kmem-cli/internal/replay/jobs";
import type { Load } from "../loads/load.ts";

/** Contenders that take part in replays only where they are named, but in the figures always. */
const PEER_NAMES: readonly string[] = [
  "kmem-unchecked",
  "kmem-fzpu",
  "thi.ng",
  "codemix",
  "uint8array",
  "as-tlsf",
  "emmalloc",
  "wasm-dlmalloc",
];
/** Peers that do a workload in the time that it takes, however many blocks are live: mallocs in WebAssembly. */
const STEADY_PEERS: ReadonlySet<string> = new Set(["as-tlsf", "emmalloc", "wasm-dlmalloc"]);
/** With more live blocks than this the other peers, some of which look at every block each time, are left out. */
const PEER_LIVE_BLOCKS_MAX = 10_000;
/** One process of a peer is cut off after so long: some of them would be at one trace for hours. */
const PEER_LIMIT_MS = 2_000;
/** Cut off on nearly every load, so that its figures would be of the beginning only: it has the traces. */
const TRACES_ONLY: ReadonlySet<string> = new Set(["kmem-fzpu"]);
/** A mode of kmem that is as fast as kmem. */
const UNCHECKED_NAME = "kmem-unchecked";

/** Who takes part in the figures when nobody says which. */
export function figureContenders(known: readonly Contender[]): Contender[] {
  const defaults = defaultContenders(known);
  return known.filter((one) => defaults.includes(one) || PEER_NAMES.includes(one.name));
}

/** The same contenders, of which those are cut off that some workloads would keep busy for hours. */
export function withLimits(contenders: readonly Contender[], limitMs: number = PEER_LIMIT_MS): Contender[] {
  return contenders.map((one) => (isSlowPeer(one) && !one.isNative ? limited(one, limitMs) : one));
}

/** Only contenders in JavaScript know how to be cut off. */
function isSlowPeer(contender: Contender): boolean {
  return isPeer(contender) && !STEADY_PEERS.has(contender.name);
}

function isPeer({ name, isByNameOnly }: Contender): boolean {
  return isByNameOnly === true && name !== UNCHECKED_NAME;
}

function limited(contender: Contender, limitMs: number): Contender {
  return {
    ...contender,
    prepare: async () => {
      const prepared = await contender.prepare();
      if (!isReady(prepared)) return prepared;
      const command = (job: Job) => {
        const limitedJob: Job & { readonly limitMs: number } = { ...job, limitMs };
        return prepared.command(limitedJob);
      };
      return { ...prepared, limitMs, command };
    },
  };
}

/** Those that can run here, and in what they take part. */
export class BenchContenders {
  readonly ready: readonly ReadyContender[];
  readonly absent: readonly { readonly name: string; readonly reason: string }[];
  readonly #slowPeers: ReadonlySet<string>;

  private constructor(
    ready: readonly ReadyContender[],
    absent: BenchContenders["absent"],
    slowPeers: ReadonlySet<string>,
  ) {
    this.ready = ready;
    this.absent = absent;
    this.#slowPeers = slowPeers;
  }

  static async prepare(contenders: readonly Contender[]): Promise<BenchContenders> {
    const prepared = await Promise.all(contenders.map((contender) => contender.prepare()));
    const slowPeers = contenders.filter(isSlowPeer).map(({ name }) => name);
    return new BenchContenders(
      prepared.filter(isReady),
      prepared.flatMap((one) => (isReady(one) ? [] : [one])),
      new Set(slowPeers),
    );
  }

  /** Those that take part in random churn of so many blocks. */
  forLiveBlocks(liveBlockCount: number): ReadyContender[] {
    return this.#loaded().filter(({ name }) => liveBlockCount <= PEER_LIVE_BLOCKS_MAX || !this.#slowPeers.has(name));
  }

  /** Those that take part in a load: slow peers have blocks and nothing else, and only blocks can go unchecked. */
  forLoad({ kind, liveBlockCount = 0 }: Load): ReadyContender[] {
    return this.forLiveBlocks(liveBlockCount).filter(({ name }) => {
      return kind === "blocks" || (name !== UNCHECKED_NAME && !this.#slowPeers.has(name));
    });
  }

  #loaded(): ReadyContender[] {
    return this.ready.filter(({ name }) => !TRACES_ONLY.has(name));
  }
}
