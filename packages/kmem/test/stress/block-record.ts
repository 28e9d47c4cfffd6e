/** What a piece of memory was got as; from `OBJECT` on, the named caches by their index. */
export const Kind = { BLOCK: 0, PAGES: 1, OBJECT: 2 } as const;

/** A piece of memory that some thread holds: all that whoever gives it back has to know. */
export interface BlockRecord {
  readonly address: number;
  readonly sizeBytes: number;
  readonly seed: number;
  readonly kind: number;
  /** The party that got it from the heap. */
  readonly owner: number;
}

/** Words of a record in shared memory. */
export const RECORD_WORDS = 5;

export function writeRecord(words: Int32Array<SharedArrayBuffer>, first: number, record: BlockRecord): void {
  words[first] = record.address;
  words[first + 1] = record.sizeBytes;
  words[first + 2] = record.seed;
  words[first + 3] = record.kind;
  words[first + 4] = record.owner;
}

export function readRecord(words: Int32Array<SharedArrayBuffer>, first: number): BlockRecord {
  return {
    address: words[first] >>> 0,
    sizeBytes: words[first + 1] >>> 0,
    seed: words[first + 2] >>> 0,
    kind: words[first + 3],
    owner: words[first + 4],
  };
}
