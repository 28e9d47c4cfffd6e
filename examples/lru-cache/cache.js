// A cache with string keys in a heap that several workers share, and that none of them can damage by dying.
//
// A set has a lock and eight places; a place is the address of an entry and the time of its last use. An entry is one
// block: hash, length of the key, length of the value, both in UTF-8. Whatever happens to a worker between two of its
// stores, a place holds one whole entry or none, so that who takes over its lock has nothing to repair.
import { blockAt, ownerOf, slotStats, transferBlock } from "kmem";

const PLACES = 8;
const SET_WORDS = 1 + 2 * PLACES; //    lock, then entry and time of each place
const HEADER_WORDS = 2; //              sets, clock
const ENTRY_BYTES = 12; //              hash, key bytes, value bytes
const SLOT_BITS = 7;
const WAIT_MS = 20;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function hashOf(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

export class LruCache {
  #heap;
  #words;
  #base;
  #me;
  #clock;

  /** @param address of a cache; without one it is made, with so many sets of eight. */
  constructor(heap, { address, sets = 64 }) {
    this.#heap = heap;
    this.address = address ?? heap.calloc(HEADER_WORDS + sets * SET_WORDS, 4);
    this.#words = new Int32Array(heap.buffer);
    this.#base = this.address / 4;
    if (address === undefined) this.#words[this.#base] = sets;
    const { generation } = slotStats(heap).find(({ slot }) => slot === heap.slot);
    this.#me = (generation << SLOT_BITS) | (heap.slot + 1); // never 0: who holds a lock
    this.#clock = this.#base + 1;
  }

  get(key) {
    const bytes = encoder.encode(key);
    const hash = hashOf(bytes);
    return this.#locked(hash, (set) => {
      const place = this.#find(set, hash, bytes);
      if (place === undefined) return undefined;
      this.#words[place + 1] = Atomics.add(this.#words, this.#clock, 1);
      const { value } = this.#entry(this.#words[place] >>> 0);
      return decoder.decode(value.slice());
    });
  }

  /** Puts a value in; the entry of the set that was used longest ago makes room. */
  set(key, value) {
    const [keyBytes, valueBytes] = [encoder.encode(key), encoder.encode(value)];
    const hash = hashOf(keyBytes);
    const entry = this.#heap.alloc(ENTRY_BYTES + keyBytes.length + valueBytes.length);
    this.#heap.u32(entry, 3).set([hash, keyBytes.length, valueBytes.length]);
    const bytes = this.#heap.u8(entry);
    bytes.set(keyBytes, ENTRY_BYTES);
    bytes.set(valueBytes, ENTRY_BYTES + keyBytes.length);
    this.#locked(hash, (set) => {
      const place = this.#find(set, hash, keyBytes) ?? this.#oldest(set);
      const former = this.#words[place] >>> 0;
      // What is to be freed is made this thread's own first: if it dies before the free, its parent learns of it.
      if (former !== 0) transferBlock(this.#heap, former, this.#heap.slot);
      this.#words[place + 1] = Atomics.add(this.#words, this.#clock, 1);
      this.#words[place] = entry; // one store: the new entry is in and the former one is out
      if (former !== 0) this.#heap.free(former);
    });
  }

  /** After a worker's death: frees those of its blocks, now this thread's, that are no entries of the cache. */
  sweep(blocks) {
    for (const { address } of blocks) {
      // Read as a word: by now another worker may have freed the entry.
      this.#locked(this.#words[address / 4] >>> 0, (set) => {
        const isEntry = this.#places(set).some((place) => this.#words[place] >>> 0 === address);
        const isMine = ownerOf(this.#heap, address) === this.#heap.slot && blockAt(this.#heap, address)?.live === true;
        if (!isEntry && isMine) this.#heap.free(address);
      });
    }
  }

  *keys() {
    for (let set = 0; set < this.#words[this.#base]; set += 1) {
      for (const place of this.#places(this.#setAt(set))) {
        if (this.#words[place] !== 0) yield decoder.decode(this.#entry(this.#words[place] >>> 0).key.slice());
      }
    }
  }

  #setAt(index) {
    return this.#base + HEADER_WORDS + index * SET_WORDS;
  }

  #places(set) {
    return Array.from({ length: PLACES }, (_, place) => set + 1 + 2 * place);
  }

  #entry(address) {
    const [hash, keyBytes, valueBytes] = this.#heap.u32(address, 3);
    const bytes = this.#heap.u8(address);
    const key = bytes.subarray(ENTRY_BYTES, ENTRY_BYTES + keyBytes);
    return { hash, key, value: bytes.subarray(ENTRY_BYTES + keyBytes, ENTRY_BYTES + keyBytes + valueBytes) };
  }

  #find(set, hash, keyBytes) {
    return this.#places(set).find((place) => {
      if (this.#words[place] === 0) return false;
      const entry = this.#entry(this.#words[place] >>> 0);
      return entry.hash === hash && Buffer.compare(entry.key, keyBytes) === 0;
    });
  }

  #oldest(set) {
    const time = (place) => (this.#words[place] === 0 ? -1 : this.#words[place + 1]);
    return this.#places(set).reduce((one, other) => (time(other) < time(one) ? other : one));
  }

  /** Does something with the set of a hash while no other thread does. */
  #locked(hash, action) {
    const set = this.#setAt(hash % this.#words[this.#base]);
    for (;;) {
      const holder = Atomics.compareExchange(this.#words, set, 0, this.#me);
      if (holder === 0 || this.#takesOver(set, holder)) break;
    }
    try {
      return action(set);
    } finally {
      Atomics.store(this.#words, set, 0);
      Atomics.notify(this.#words, set, 1);
    }
  }

  /** Waits for the holder of a lock, and takes the lock over once its thread is gone. */
  #takesOver(set, holder) {
    if (Atomics.wait(this.#words, set, holder, WAIT_MS) !== "timed-out") return false;
    const isAlive = slotStats(this.#heap).some(
      ({ slot, state, generation }) => state === "held" && ((generation << SLOT_BITS) | (slot + 1)) === holder,
    );
    return !isAlive && Atomics.compareExchange(this.#words, set, holder, this.#me) === holder;
  }
}
