/** A chunk as the model keeps it: header address, size in blocks of 16 bytes with the header, and what was asked. */
interface ModelChunk {
  readonly address: number;
  blocks: number;
  busy: boolean;
}

const BLOCK = 16;
const REGION_HEADER = 32;
const CHUNK_HEADER = 32;
const MIN_CHUNK = 48;

/**
 * What the Atomik page says of a region, as plainly as it can be put: a list of chunks in address order, searched from
 * its start. It knows the addresses that a region must give.
 */
export class RegionModel {
  readonly chunks: ModelChunk[];

  constructor(hdr: number, end: number) {
    const first = hdr + REGION_HEADER;
    this.chunks = [{ address: first, blocks: Math.floor((end + 1 - first) / BLOCK), busy: false }];
  }

  /** The payload that worst fit must give, 0 for none. */
  worst(sizeBytes: number): number {
    const free = this.chunks.filter(({ busy }) => !busy);
    const largest = Math.max(0, ...free.map(({ blocks }) => blocks));
    return this.#take(
      free.find(({ blocks }) => blocks === largest && blocks >= blocksOf(sizeBytes)),
      sizeBytes,
    );
  }

  /** The payload that first fit must give, 0 for none. */
  first(sizeBytes: number): number {
    return this.#take(
      this.chunks.find(({ blocks, busy }) => !busy && blocks >= blocksOf(sizeBytes)),
      sizeBytes,
    );
  }

  free(payload: number): void {
    const index = this.chunks.findIndex(({ address, busy }) => busy && address + CHUNK_HEADER === payload);
    const chunk = this.chunks[index] as ModelChunk;
    chunk.busy = false;
    for (const left of [index, index - 1]) {
      const [low, high] = [this.chunks[left], this.chunks[left + 1]];
      if (low === undefined || high === undefined || low.busy || high.busy) continue;
      low.blocks += high.blocks;
      this.chunks.splice(left + 1, 1);
    }
  }

  #take(chunk: ModelChunk | undefined, sizeBytes: number): number {
    if (chunk === undefined) return 0;
    const rest = chunk.blocks - blocksOf(sizeBytes);
    chunk.busy = true;
    if (rest * BLOCK >= MIN_CHUNK) {
      chunk.blocks -= rest;
      const address = chunk.address + chunk.blocks * BLOCK;
      this.chunks.splice(this.chunks.indexOf(chunk) + 1, 0, { address, blocks: rest, busy: false });
    }
    return chunk.address + CHUNK_HEADER;
  }
}

/** Blocks of the chunk for a request. */
function blocksOf(sizeBytes: number): number {
  return Math.max(MIN_CHUNK, Math.ceil(sizeBytes / BLOCK) * BLOCK + CHUNK_HEADER) / BLOCK;
}
