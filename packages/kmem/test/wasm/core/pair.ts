import { attachmentOf } from "../../../src/heap/access.ts";
import { checkHeap, Heap, KmemError } from "../../../src/index.ts";
import { bindProgram, type CMalloc, cMalloc } from "../../../src/wasm/index.ts";
import { type CoreCalls, type CoreMemory, compiledCore } from "../support/core-module.ts";

const HEAP_START = 65_536;
/** A word and more of a slot's record. */
const RANDOM_MOST_BYTES = 16;

/** A call of malloc's family, or what else happens to a heap. Picks choose among the blocks that are live. */
export type Step =
  | { readonly name: "malloc" | "hostAlloc" | "ghostAlloc"; readonly size: number }
  | { readonly name: "calloc"; readonly count: number; readonly size: number }
  | { readonly name: "aligned_alloc" | "memalign"; readonly alignment: number; readonly size: number }
  | { readonly name: "realloc"; readonly pick: number; readonly size: number }
  | { readonly name: "free" | "freeTwice" | "hostFree" | "ghostFree" | "malloc_usable_size"; readonly pick: number }
  | { readonly name: "freeWild" | "sizeWild" | "reallocWild"; readonly address: number }
  | { readonly name: "fill"; readonly pick: number; readonly byte: number }
  | { readonly name: "trim" | "closeSheaves" | "freeNull" };

/** A heap, the calls of a program on it, and a second slot of the same thread. */
class Side {
  readonly heap: Heap;
  readonly ghost: Heap;
  /** Errors that the program was told, and reports of wrong calls. */
  readonly log: unknown[] = [];
  slowCalls = 0;
  readonly #calls: CoreCalls;

  constructor(shape: CoreMemory, isWasm: boolean) {
    const { pages: initial, maximum, isShared: shared } = shape;
    const memory = new WebAssembly.Memory({ initial, maximum, shared });
    this.heap = Heap.create({ memory, start: HEAP_START, slotCount: 2 });
    this.ghost = Heap.attach(this.heap.reserve());
    const face = cMalloc(this.heap, {
      setErrno: (error) => this.log.push(error),
      report: (error) => this.log.push(error.message),
    });
    this.#calls = isWasm ? this.#merged(shape, memory, face) : (face as CoreCalls);
  }

  call(name: keyof CoreCalls, ...args: number[]): number {
    return this.#calls[name](...args) >>> 0;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.heap.buffer);
  }

  #merged(shape: CoreMemory, memory: WebAssembly.Memory, face: CMalloc): CoreCalls {
    const counted = Object.entries(face as unknown as CoreCalls).map(([name, call]) => [
      name,
      (...args: number[]) => {
        this.slowCalls++;
        return call(...args);
      },
    ]);
    const kmem = Object.fromEntries(counted) as WebAssembly.ModuleImports;
    const { exports } = new WebAssembly.Instance(compiledCore(shape), { env: { memory }, kmem });
    if (!bindProgram(this.heap, exports)) throw new Error("the program was not bound to its heap");
    return exports as unknown as CoreCalls;
  }
}

/** The same steps on a heap by the paths in TypeScript, and on its twin by those in WebAssembly. */
export class Pair {
  readonly script: Side;
  readonly wasm: Side;
  steps = 0;
  /** Blocks that both have, at the same addresses. */
  readonly #live: number[] = [];
  /** Bytes of reservations, which are random. */
  readonly #random: number[] = [];

  constructor(shape: CoreMemory) {
    this.script = new Side(shape, false);
    this.wasm = new Side(shape, true);
    const [one, other] = [this.script.bytes, this.wasm.bytes];
    for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) this.#random.push(at);
    if (this.#random.length > RANDOM_MOST_BYTES) throw new Error("the heaps are not alike at first");
  }

  /** Does a step on both, and throws where their answers differ. */
  step(step: Step): void {
    const [one, other] = [this.script, this.wasm].map((side) => answerOf(() => this.#do(side, step)));
    this.steps++;
    if (one !== other) throw new Error(`${JSON.stringify(step)}: TypeScript ${one}, WebAssembly ${other}`);
    this.#note(step, Number(one));
  }

  /** Throws where the two memories are not the same, byte by byte, or one is not whole. */
  compare(): void {
    const [one, other] = [this.script, this.wasm];
    const [reports, others] = [one, other].map(({ log }) => JSON.stringify(log));
    if (reports !== others) throw new Error(`TypeScript told ${reports}, WebAssembly ${others}`);
    for (const at of this.#random) one.bytes[at] = other.bytes[at]!;
    if (Buffer.compare(one.bytes, other.bytes) !== 0) {
      const at = one.bytes.findIndex((byte, index) => byte !== other.bytes[index]);
      throw new Error(`byte 0x${at.toString(16)}: TypeScript ${one.bytes[at]}, WebAssembly ${other.bytes[at]}`);
    }
    const { findings } = checkHeap(other.heap);
    if (findings.length > 0) throw new Error(JSON.stringify(findings));
  }

  #picked(pick: number): number {
    return this.#live.length === 0 ? 0 : this.#live[pick % this.#live.length]!;
  }

  #do(side: Side, step: Step): number {
    const { heap, ghost } = side;
    switch (step.name) {
      case "malloc":
        return side.call("malloc", step.size | 0);
      case "hostAlloc":
        return heap.tryAlloc(step.size);
      case "ghostAlloc":
        return ghost.tryAlloc(step.size);
      case "calloc":
        return side.call("calloc", step.count | 0, step.size | 0);
      case "aligned_alloc":
      case "memalign":
        return side.call(step.name, step.alignment | 0, step.size | 0);
      case "realloc":
        return side.call("realloc", this.#picked(step.pick) | 0, step.size | 0);
      case "reallocWild":
        return side.call("realloc", step.address | 0, HEAP_START);
      case "malloc_usable_size":
        return side.call(step.name, this.#picked(step.pick) | 0);
      case "sizeWild":
        return side.call("malloc_usable_size", step.address | 0);
      case "trim":
        return heap.trim();
      default:
        this.#end(side, step);
        return 0;
    }
  }

  /** Steps without an answer. */
  #end(side: Side, step: Step): void {
    const { heap, ghost } = side;
    const address = "pick" in step ? this.#picked(step.pick) : 0;
    if (step.name === "free" || step.name === "freeNull") side.call("free", address | 0);
    else if (step.name === "hostFree") heap.free(address);
    else if (step.name === "ghostFree") ghost.free(address);
    else if (step.name === "freeWild") side.call("free", step.address | 0);
    else if (step.name === "closeSheaves") attachmentOf(heap).kmalloc.closeAllSheaves();
    else if (step.name === "fill" && address !== 0) heap.u8(address).fill(step.byte);
    else if (step.name === "freeTwice" && address !== 0) {
      side.call("free", address | 0);
      side.call("free", address | 0);
    }
  }

  #note(step: Step, answer: number): void {
    const isTaken = /alloc|realloc|memalign/i.test(step.name) && step.name !== "realloc";
    if (isTaken && answer > 0 && !this.#live.includes(answer)) this.#live.push(answer);
    const isGiven =
      /^(?:free|hostFree|ghostFree|freeTwice)$/.test(step.name) || (step.name === "realloc" && answer > 0);
    if (!isGiven || !("pick" in step)) return;
    const former = this.#picked(step.pick);
    if (former !== 0) this.#live.splice(this.#live.indexOf(former), 1);
    if (step.name !== "realloc") return;
    this.#live.push(answer);
    this.#clearTail(answer, step.size);
  }

  /** Clears what realloc leaves behind the bytes that it keeps: how much that is, no path promises. */
  #clearTail(address: number, sizeBytes: number): void {
    for (const { heap } of [this.script, this.wasm]) heap.u8(address).fill(0, sizeBytes);
  }
}

function answerOf(call: () => number): number | string {
  try {
    return call();
  } catch (error) {
    if (error instanceof KmemError) return error.message;
    throw error;
  }
}
