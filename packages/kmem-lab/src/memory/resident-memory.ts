import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PAGE_BYTES } from "kmem-cli/internal/trace/op-stream";
import type { ResidentScope } from "./measure-jobs.ts";

// The whole process will not do for an allocator inside of a buffer: V8's own heap and its compilers move by megabytes
// meanwhile. Nor will the mapping's line in /proc/self/smaps: the kernel joins neighbouring mappings into one. So the
// buffer itself is looked for in the memory of the process, by a pattern that is written into it for a moment, and its
// pages are counted in /proc/self/pagemap: exactly those that smaps would call anonymous and resident, to the page.

const PAGEMAP_ENTRY_BYTES = 8;
/** Upper half of an entry: the page is in memory (bit 63), and it is ours (bit 56), as the zero page is not. */
const PRESENT_AND_OWN = (1 << 31) | (1 << 24);
/** Of an entry's upper half: the page is in memory. */
const PRESENT = 1 << 31;
const PATTERN_BYTES = 64;
const BYTES_PER_KIB = 1024;
const ENTRIES_AT_ONCE = 65_536;

/** Reads how much memory a contender has resident. */
export interface ResidentProbe {
  readonly scope: ResidentScope;
  /** Bytes of whole pages. */
  read(): number;
}

/** A heap whose memory may be one buffer; `buffer` may become another one as it grows. */
export interface MaybeBuffered {
  readonly buffer?: ArrayBufferLike;
  /** Whether it keeps so much beside its buffer that the whole process must be measured. */
  readonly keepsStateOutside?: boolean;
}

/** The probe for a heap; undefined where the system has none. Linux only. */
export function probeResident(heap: MaybeBuffered): ResidentProbe | undefined {
  if (process.platform !== "linux") return undefined;
  const isBuffered = heap.buffer !== undefined && heap.keepsStateOutside !== true;
  try {
    const probe = isBuffered ? new BufferProbe(() => heap.buffer!) : new ProcessProbe();
    probe.read();
    return probe;
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return undefined;
    throw error;
  }
}

interface Mapping {
  readonly start: number;
  readonly end: number;
}

class BufferProbe implements ResidentProbe {
  readonly scope = "buffer";
  readonly #current: () => ArrayBufferLike;
  readonly #pagemap: number = openSync("/proc/self/pagemap", "r");
  readonly #entries: Uint32Array<ArrayBuffer> = new Uint32Array(ENTRIES_AT_ONCE * 2);
  #found: ArrayBufferLike | undefined;
  #start = 0;

  constructor(current: () => ArrayBufferLike) {
    this.#current = current;
  }

  read(): number {
    const buffer = this.#current();
    if (buffer !== this.#found) {
      this.#start = this.#find(buffer);
      this.#found = buffer;
    }
    return this.#count(this.#start, this.#start + buffer.byteLength, PRESENT_AND_OWN, () => {}) * PAGE_BYTES;
  }

  /** The address of a buffer in this process. The first bytes, which every allocator has written to, are used. */
  #find(buffer: ArrayBufferLike): number {
    const memory = openSync("/proc/self/mem", "r");
    const head = new Uint8Array(buffer, 0, PATTERN_BYTES);
    const before = head.slice();
    try {
      const pattern = randomBytes(PATTERN_BYTES);
      head.set(pattern);
      // Copies of the pattern lie about where pages have been read to, and are garbage that may become anything
      // meanwhile. Only the buffer has what its bytes are changed to where they are.
      const isHead = (address: number): boolean => {
        for (const [index, byte] of head.entries()) head[index] = byte + 1;
        return readBytes(memory, address, PATTERN_BYTES).equals(head);
      };
      // A WebAssembly memory mostly grows where it is.
      if (this.#start > 0 && isHead(this.#start)) return this.#start;
      head.set(pattern);
      const candidates = writableMappings(buffer.byteLength).flatMap((mapping) =>
        this.#addressesOf(pattern, mapping, memory),
      );
      const at = candidates.find(isHead);
      if (at === undefined) throw new Error("the contender's buffer is not in the memory of the process");
      return at;
    } finally {
      head.set(before);
      closeSync(memory);
    }
  }

  #addressesOf(pattern: Uint8Array, { start, end }: Mapping, memory: number): number[] {
    const addresses: number[] = [];
    this.#count(start, end, PRESENT, (page) => {
      const bytes = readBytes(memory, page, PAGE_BYTES);
      for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) addresses.push(page + at);
    });
    return addresses;
  }

  /** Counts the pages from `start` to `end` whose entries have all of these bits set, and tells their addresses. */
  #count(start: number, end: number, bits: number, onPage: (address: number) => void): number {
    const endPage = Math.ceil(end / PAGE_BYTES);
    let count = 0;
    for (let page = Math.floor(start / PAGE_BYTES); page < endPage; page += ENTRIES_AT_ONCE) {
      const wanted = Math.min(ENTRIES_AT_ONCE, endPage - page);
      const bytes = wanted * PAGEMAP_ENTRY_BYTES;
      const length = readSync(this.#pagemap, this.#entries, 0, bytes, page * PAGEMAP_ENTRY_BYTES);
      for (let index = 0; index < length / PAGEMAP_ENTRY_BYTES; index += 1) {
        if ((this.#entries[index * 2 + 1]! & bits) !== bits) continue;
        count += 1;
        onPage((page + index) * PAGE_BYTES);
      }
    }
    return count;
  }
}

/**
 * For what is not in one buffer: all anonymous memory of the process, once the garbage is gone. It is exact to some
 * 3 MB, by which V8's own memory moves; of workloads that are no larger it tells nothing.
 */
class ProcessProbe implements ResidentProbe {
  readonly scope = "process";
  readonly #collect: () => void;

  constructor() {
    setFlagsFromString("--expose-gc");
    this.#collect = runInNewContext("gc") as () => void;
  }

  read(): number {
    // What a collection finds dead of buffers is freed by another thread; the next one waits until that is done.
    this.#collect();
    this.#collect();
    const field = /^Anonymous:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"));
    if (field === null) throw new Error("/proc/self/smaps_rollup tells nothing of anonymous memory");
    return Number(field[1]) * BYTES_PER_KIB;
  }
}

/** Private mappings with no file, of `leastBytes` at the least, that may be read and written. */
function writableMappings(leastBytes: number): Mapping[] {
  const lines = readFileSync("/proc/self/maps", "utf8").matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw.p \S+ \S+ 0\s/gm);
  return [...lines]
    .map(([, start, end]) => ({ start: Number.parseInt(start!, 16), end: Number.parseInt(end!, 16) }))
    .filter(({ start, end }) => end - start >= leastBytes);
}

/** What can be read: other threads may have unmapped a page since its entry was read. */
function readBytes(memory: number, address: number, byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  try {
    return bytes.subarray(0, readSync(memory, bytes, 0, byteCount, address));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EIO") return bytes.subarray(0, 0);
    throw error;
  }
}
