import { type Contender, defaultContenders, isReady, type ReadyContender } from "../replay/contender.ts";
import type { Load } from "./loads/load.ts";
import { isOwn } from "./measured.ts";

/** Contenders that take part in replays only where they are named, but in the figures always. */
const PEER_NAMES: readonly string[] = [
  "kmem-unchecked",
  "kmem-fzpu",
  "thi.ng",
  "codemix",
  "uint8array",
  "as-tlsf",
  "wasm-dlmalloc",
  "wasm-emmalloc",
  "wasm-walloc",
];
/** With more live blocks than this the peers, some of which look at every block for each operation, are left out. */
const PEER_LIVE_BLOCKS_MAX = 10_000;

/** Who takes part in the figures when nobody says which. */
export function figureContenders(known: readonly Contender[]): Contender[] {
  const defaults = defaultContenders(known);
  return known.filter((one) => defaults.includes(one) || PEER_NAMES.includes(one.name));
}

/** Those that can run here, and in what they take part. */
export class BenchContenders {
  readonly ready: readonly ReadyContender[];
  readonly absent: readonly { readonly name: string; readonly reason: string }[];
  readonly #peers: ReadonlySet<string>;

  private constructor(ready: readonly ReadyContender[], absent: BenchContenders["absent"], peers: ReadonlySet<string>) {
    this.ready = ready;
    this.absent = absent;
    this.#peers = peers;
  }

  static async prepare(contenders: readonly Contender[]): Promise<BenchContenders> {
    const prepared = await Promise.all(contenders.map((contender) => contender.prepare()));
    const byName = contenders.filter(({ isByNameOnly }) => isByNameOnly === true).map(({ name }) => name);
    return new BenchContenders(
      prepared.filter(isReady),
      prepared.flatMap((one) => (isReady(one) ? [] : [one])),
      new Set(byName),
    );
  }

  /** Those that take part in random churn of so many blocks. */
  forLiveBlocks(liveBlockCount: number): ReadyContender[] {
    return this.ready.filter(({ name }) => liveBlockCount <= PEER_LIVE_BLOCKS_MAX || !this.#isPeer(name));
  }

  /** Those that take part in a load: peers have blocks and nothing else. */
  forLoad({ kind }: Load): ReadyContender[] {
    return this.ready.filter(({ name }) => kind === "blocks" || !this.#isPeer(name));
  }

  #isPeer(name: string): boolean {
    return this.#peers.has(name) && !isOwn(name);
  }
}
