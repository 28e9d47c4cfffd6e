import { type Giet, GietError, giet, VOBJ_TYPE_HEAP } from "../../src/kernels/giet/giet.ts";
import { stamp, stampFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";

/** One operation as data, so that a list of them can be shrunk. */
export interface GietOperation {
  readonly name: "malloc" | "free" | "badFree" | "badMalloc";
  readonly pick: number;
  readonly size: number;
}

const SLOT = 64;
const DESCRIPTORS_BYTES = 4096;

/** The machine of the campaign: 2 × 2 clusters; [0][1] has no heap. Sizes in bytes, powers of two. */
const HEAPS: readonly { x: number; y: number; base: number; length: number }[] = [
  { x: 0, y: 0, base: 0x1000_0000, length: 0x1_0000 },
  { x: 1, y: 0, base: 0x8000_0000, length: 0x4000 },
  { x: 1, y: 1, base: 0xffff_f000, length: 0x1000 },
];

/** Makes that machine, each cluster with a memory of its own. */
export function makeMachine(print: (message: string) => void): Giet {
  const clusterAt = (x: number, y: number) => {
    const heap = HEAPS.find((candidate) => candidate.x === x && candidate.y === y);
    const memory = new SharedArrayBuffer((heap?.length ?? 0) + DESCRIPTORS_BYTES);
    const vsegs = heap === undefined ? [] : [{ type: VOBJ_TYPE_HEAP, base: heap.base, length: heap.length }];
    return { memory, vsegs };
  };
  const clusters = [0, 1].map((x) => [0, 1].map((y) => clusterAt(x, y)));
  return giet({ clusters }, { print });
}

interface Held {
  readonly ptr: number;
  readonly blockBytes: number;
  readonly seed: number;
}

function must(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}

/** A plain model of the kernel heaps beside the real ones: which 64 bytes are held, and with which contents. */
export class GietModel {
  readonly machine: Giet;
  readonly #messages: string[] = [];
  readonly #held: Held[] = [];
  /** For each heap, a byte for every 64 of it before alloc[]: whether a block holds them. */
  readonly #taken: readonly Uint8Array[];
  #seed = 0;

  constructor() {
    this.machine = makeMachine((message) => this.#messages.push(message));
    this.machine._heap_init();
    this.#taken = HEAPS.map(({ length }) => new Uint8Array((length - Math.max(length / SLOT, SLOT)) / SLOT));
  }

  step({ name, pick, size }: GietOperation): void {
    if (name === "malloc") this.#malloc(pick, size);
    else if (name === "free") this.#free(pick);
    else if (name === "badFree") this.#badFree(pick, size);
    else this.#badMalloc(pick, size);
  }

  /** Every heap clean, every block intact, and free and held bytes adding up to the heap. O(memory). */
  verify(): void {
    const { findings } = this.machine.check();
    must(findings.length === 0, `check: ${JSON.stringify(findings[0])}`);
    for (const { ptr, blockBytes, seed } of this.#held) {
      must(stampFault(this.machine.bytes(ptr), 0, blockBytes, seed) === -1, `the block at ${ptr} has changed`);
    }
    for (const [index, { x, y, base, length }] of HEAPS.entries()) {
      const descriptor = this.machine.kernel_heap[x]?.[y];
      must(descriptor?.heap_base === base && descriptor.heap_size === length, "the descriptor has changed");
      const heldBytes = (this.#taken[index] as Uint8Array).reduce((sum, slot) => sum + slot * SLOT, 0);
      must(this.#freeBytes(index) + heldBytes + descriptor.alloc_size === length, "bytes were lost");
    }
  }

  /** Frees everything and expects the heaps of the first moment. */
  finish(): void {
    while (this.#held.length > 0) this.#free(0);
    this.verify();
    const lists = this.machine.kernel_heap.map((column) => column.map(({ free }) => free));
    this.machine._heap_init();
    const fresh = this.machine.kernel_heap.map((column) => column.map(({ free }) => free));
    must(JSON.stringify(lists) === JSON.stringify(fresh), "the free lists are not those of the first moment");
  }

  /** Bytes in the free lists of a heap, walked by their published layout. */
  #freeBytes(index: number): number {
    const { x, y } = HEAPS[index] as (typeof HEAPS)[number];
    let freeBytes = 0;
    for (const [shift, first] of (this.machine.kernel_heap[x]?.[y]?.free ?? []).entries()) {
      for (let block = first; block !== 0; freeBytes += 2 ** shift) {
        const place = this.machine.locate(block);
        must(place !== undefined, `free[${shift}] leads to ${block}`);
        block = new Uint32Array(place.memory as SharedArrayBuffer)[place.offset / 4] as number;
      }
    }
    return freeBytes;
  }

  #malloc(pick: number, size: number): void {
    const index = pick % HEAPS.length;
    const { x, y, base } = HEAPS[index] as (typeof HEAPS)[number];
    const taken = this.#taken[index] as Uint8Array;
    const blockBytes = Math.max(SLOT, 2 ** Math.ceil(Math.log2(Math.max(1, size))));
    const ptr = this.machine._remote_malloc(size, x, y);
    const slots = blockBytes / SLOT;
    if (ptr === 0) {
      must(
        this.#messages.at(-1) === `[GIET ERROR] in _remote_malloc() : no more space in kernel_heap[${x}][${y}]`,
        "text",
      );
      for (let first = 0; first + slots <= taken.length; first += slots) {
        must(taken.subarray(first, first + slots).includes(1), `NULL for ${size} bytes, and a block of them is free`);
      }
      return;
    }
    const first = (ptr - base) / SLOT;
    must(first % slots === 0 && first >= 0 && first + slots <= taken.length, `the block at ${ptr} lies wrong`);
    must(!taken.subarray(first, first + slots).includes(1), `the block at ${ptr} lies over another`);
    taken.fill(1, first, first + slots);
    const bytes = this.machine.bytes(ptr);
    must(bytes.length === blockBytes, `a request of ${size} got a block of ${bytes.length}`);
    this.#held.push({ ptr, blockBytes, seed: this.#seed });
    stamp(bytes, 0, blockBytes, this.#seed++);
  }

  #free(pick: number): void {
    const index = pick % Math.max(1, this.#held.length);
    const held = this.#held[index];
    if (held === undefined) return;
    this.#held[index] = this.#held.at(-1) as Held;
    this.#held.pop();
    const { ptr, blockBytes, seed } = held;
    must(stampFault(this.machine.bytes(ptr), 0, blockBytes, seed) === -1, `the block at ${ptr} has changed`);
    this.machine._free(ptr);
    const heap = HEAPS.findIndex(({ base, length }) => ptr >= base && ptr < base + length);
    const first = (ptr - (HEAPS[heap]?.base ?? 0)) / SLOT;
    this.#taken[heap]?.fill(0, first, first + blockBytes / SLOT);
  }

  #badFree(pick: number, size: number): void {
    const held = this.#held[pick % Math.max(1, this.#held.length)];
    const inside = held === undefined ? -1 : held.ptr + 1 + (size % (held.blockBytes - 1));
    const { base, length } = HEAPS[pick % HEAPS.length] as (typeof HEAPS)[number];
    const wrong = [0, size, base - 64, base + length, base + length - 1, base + 0.5, inside];
    this.#mustRefuse(() => this.machine._free(wrong[pick % wrong.length] as number));
  }

  #badMalloc(pick: number, size: number): void {
    const { _remote_malloc } = this.machine;
    const calls = [
      () => _remote_malloc(size, 0, 1),
      () => _remote_malloc(size, 2 + pick, 0),
      () => _remote_malloc(size, 0, 2 + pick),
    ];
    this.#mustRefuse(calls[pick % calls.length] as () => void);
  }

  #mustRefuse(call: () => void): void {
    try {
      call();
    } catch (error) {
      must(error instanceof GietError && error.message === this.#messages.at(-1), `another error: ${error}`);
      return;
    }
    must(false, "a wrong call went through");
  }
}

/** What a campaign is to do. */
export interface CampaignOptions {
  readonly operations: number;
  readonly seed?: number;
  /** Operations between two checks of everything. */
  readonly checkInterval?: number;
}

/** Runs random operations against the model; throws at the first difference. */
export function runGietCampaign(options: CampaignOptions): void {
  const { operations, seed = 1, checkInterval = 5000 } = options;
  const random = new Random(seed);
  const names: readonly GietOperation["name"][] = ["malloc", "malloc", "malloc", "malloc", "free", "free", "free"];
  const model = new GietModel();
  for (let step = 1; step <= operations; step++) {
    const name = random.below(50) === 0 ? random.pick(["badFree", "badMalloc"] as const) : random.pick(names);
    model.step({ name, pick: random.below(1_000_000), size: random.size(random.below(20) === 0 ? 0x8000 : 600) });
    if (step % checkInterval === 0) model.verify();
  }
  model.finish();
}
