import { readFileSync } from "node:fs";
import { argv, stdout } from "node:process";
import { Heap } from "kmem";
import type { MallocBinding } from "./programs.ts";

// The process that times one build of one program: `program-process MODULE BINDING AMOUNT`.

const PAGE_BYTES = 4096;
const WARMUP_MS = 300;
const TIMED_COUNT = 5;

/** What a process writes. */
export interface ProgramResult {
  readonly runMs: readonly number[];
  /** Calls of malloc, realloc and free in one run. */
  readonly callCount: number;
  /** What the program worked out: the same whatever its malloc. */
  readonly checksum: number;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __heap_base: WebAssembly.Global;
  run(amount: number): number;
  calls(): number;
}

/** The program with a heap of kmem's behind its data, in its own memory. */
function withKmem(module: WebAssembly.Module): Exports {
  let heap: Heap | undefined;
  // WebAssembly's numbers are signed.
  const env = {
    malloc: (sizeBytes: number) => heap!.alloc(sizeBytes >>> 0),
    realloc: (address: number, sizeBytes: number) => heap!.realloc(address >>> 0, sizeBytes >>> 0),
    free: (address: number) => heap!.free(address >>> 0),
  };
  const exports = new WebAssembly.Instance(module, { env }).exports as unknown as Exports;
  const start = Math.ceil((exports.__heap_base.value as number) / PAGE_BYTES) * PAGE_BYTES;
  heap = Heap.create({ memory: exports.memory, start, end: exports.memory.buffer.byteLength });
  return exports;
}

function withOwn(module: WebAssembly.Module): Exports {
  return new WebAssembly.Instance(module, {}).exports as unknown as Exports;
}

function time(program: Exports, amount: number): ProgramResult {
  const once = (): number => {
    const startMs = performance.now();
    program.run(amount);
    return performance.now() - startMs;
  };
  let warmupMs = 0;
  while (warmupMs < WARMUP_MS) warmupMs += once();
  const runMs = Array.from({ length: TIMED_COUNT }, once);
  const before = program.calls();
  const checksum = program.run(amount) >>> 0;
  return { runMs, callCount: (program.calls() - before) >>> 0, checksum };
}

const [path, binding, amount] = argv.slice(2) as [string, MallocBinding, string];
const module = new WebAssembly.Module(readFileSync(path));
stdout.write(JSON.stringify(time(binding === "imported" ? withKmem(module) : withOwn(module), Number(amount))));
