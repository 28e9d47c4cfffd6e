import type { HeapPlan } from "../replay/replay-heap.ts";
import { PAGE_BYTES } from "../trace/op-stream.ts";
import { type EngineCheck, EngineHeap, MIN_ALIGNMENT_BYTES } from "./engine-heap.ts";
import { HEAP_BYTES_PER_LIVE_BYTE, heapBytes } from "./heap-bytes.ts";
import { PageUse } from "./page-use.ts";

export type { HeapModule, HeapPlan, ReplayCache, ReplayHeap, ReplayPages } from "../replay/replay-heap.ts";

/** The memory that a policy hands out: one buffer, of which the bytes from `start` to before `end` are the policy's. */
export interface PolicyMemory {
  readonly buffer: SharedArrayBuffer;
  /** The whole buffer, by bytes and by 32-bit words: a policy may keep its lists in it, or in objects of its own. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** A multiple of 4096 above 0, so that 0 is no address. */
  readonly start: number;
  /** A multiple of 4096. */
  readonly end: number;
}

/** A way of choosing which free bytes an allocation gets. */
export interface Policy {
  /** The address of a block of at least so many bytes (1 or more), a multiple of 16; 0 where no free one will do. */
  alloc(sizeBytes: number): number;
  /** Takes back a block that `alloc` has given and that has not been freed since. */
  free(address: number): void;
  /** Bytes that a live block can hold: what was asked for, or more. */
  usableSize(address: number): number;
  /** Bytes in use, with all that describes them. Default: the pages in which a part of a live block lies. */
  readonly footprintBytes?: number;
  /** What is wrong inside; asked by `kmem replay --check`. Default: nothing. */
  check?(): readonly { readonly address: number; readonly problem: string }[];
}

/** What the file of a policy exports. */
export interface PolicyModule {
  createPolicy(memory: PolicyMemory): Policy;
}

/** Beside each block a policy may want a header, and what alignment takes. */
const BYTES_BESIDE_BLOCK = 64;

/** A memory of so many bytes for a policy. */
function policyMemory(sizeBytes: number): PolicyMemory {
  const buffer = new SharedArrayBuffer(sizeBytes);
  return { buffer, bytes: new Uint8Array(buffer), words: new Int32Array(buffer), start: PAGE_BYTES, end: sizeBytes };
}

/** A policy as the heap of a replay, in far more memory than the workload has live. */
export function policyHeap({ createPolicy }: PolicyModule, plan: HeapPlan): PolicyHeap {
  const { peakLiveBytes, peakLiveBlockCount } = plan;
  const wantedBytes = peakLiveBytes + peakLiveBlockCount * BYTES_BESIDE_BLOCK;
  const memory = policyMemory(heapBytes(wantedBytes * HEAP_BYTES_PER_LIVE_BYTE, plan));
  return new PolicyHeap(memory.buffer, createPolicy(memory));
}

/** What malloc and its family are beyond alloc and free, made of these two. */
export class PolicyHeap extends EngineHeap {
  readonly #policy: Policy;
  /** From the first time that somebody asks for the footprint, before the first block: counting costs time. */
  #use: PageUse | undefined;

  constructor(buffer: SharedArrayBuffer, policy: Policy) {
    super(buffer);
    this.#policy = policy;
  }

  get footprintBytes(): number {
    const own = this.#policy.footprintBytes;
    if (own !== undefined) return own;
    this.#use ??= new PageUse(this.buffer.byteLength);
    return this.#use.usedBytes;
  }

  check(): EngineCheck {
    return { findings: this.#policy.check?.() ?? [] };
  }

  protected take(sizeBytes: number): number {
    const address = this.#policy.alloc(Math.max(1, sizeBytes));
    if (address !== 0) this.#use?.add(address, address + this.#policy.usableSize(address));
    return address;
  }

  protected release(address: number): void {
    this.#use?.remove(address, address + this.#policy.usableSize(address));
    this.#policy.free(address);
  }

  protected capacity(address: number): number {
    return this.#policy.usableSize(address);
  }
}

const TRIAL_BYTES = 2 ** 20;
const TRIAL_SIZES: readonly number[] = [100, 1, 5000];

/** Which of these an object lacks. */
function missingFunctions(object: unknown, names: readonly string[]): string[] {
  if (typeof object !== "object" || object === null) return [...names];
  return names.filter((name) => typeof (object as Record<string, unknown>)[name] !== "function");
}

/** What is wrong with a block that a policy has just given; undefined when nothing is. */
function blockFault(
  policy: Policy,
  { start, end }: PolicyMemory,
  address: number,
  sizeBytes: number,
): string | undefined {
  const call = `alloc(${sizeBytes})`;
  if (!Number.isInteger(address)) return `${call} gives ${String(address)}, which is no address`;
  if (address === 0) return `${call} gives 0, though all of the memory is free`;
  if (address % MIN_ALIGNMENT_BYTES !== 0) return `${call} gives ${address}, which is no multiple of 16`;
  const usableBytes = policy.usableSize(address);
  if (!(usableBytes >= sizeBytes)) return `usableSize says ${String(usableBytes)} of a block of ${sizeBytes} bytes`;
  if (address < start || address + usableBytes > end) return `${call} gives a block outside of the memory, ${address}`;
  return undefined;
}

/** Tries a policy on a few blocks: what a replay could only call broken is said in a sentence. */
function trialFault(policy: Policy, memory: PolicyMemory): string | undefined {
  const blocks: { readonly address: number; readonly end: number }[] = [];
  for (const sizeBytes of TRIAL_SIZES) {
    const address = policy.alloc(sizeBytes);
    const fault = blockFault(policy, memory, address, sizeBytes);
    if (fault !== undefined) return fault;
    const end = address + sizeBytes;
    const other = blocks.find((one) => address < one.end && one.address < end);
    if (other !== undefined) return `alloc(${sizeBytes}) gives ${address}, in the live block at ${other.address}`;
    blocks.push({ address, end });
  }
  const tooMuch = policy.alloc(TRIAL_BYTES);
  if (tooMuch !== 0) return `alloc gives ${String(tooMuch)} for more bytes than the memory has, not 0`;
  for (const { address } of blocks) policy.free(address);
  return undefined;
}

/** What is wrong with the exports of a policy's file, in a sentence; undefined when nothing is. */
export function policyFault(module: object): string | undefined {
  if ("createHeap" in module) {
    return typeof module.createHeap === "function" ? undefined : "its createHeap is no function";
  }
  if (!("createPolicy" in module)) return "it exports neither createPolicy nor createHeap";
  if (typeof module.createPolicy !== "function") return "its createPolicy is no function";
  const memory = policyMemory(TRIAL_BYTES);
  const policy = (module as PolicyModule).createPolicy(memory);
  const missing = missingFunctions(policy, ["alloc", "free", "usableSize"]);
  return missing.length > 0
    ? `what its createPolicy makes has no ${missing.join(", no ")}`
    : trialFault(policy, memory);
}
