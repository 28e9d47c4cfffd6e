import { accessTo } from "../../heap/access.ts";
import type { BaseHeap } from "../../heap/base-heap.ts";
import { readOptions } from "../../memory/arguments.ts";
import { bindAwaited } from "../core/bind-program.ts";
import { cCalls64 } from "./c-malloc-64.ts";
import { cCalls } from "./calls.ts";
import { cFailures } from "./failures.ts";
import { C_MALLOC_CHECKS, type CMalloc, type CMallocOptions } from "./options.ts";

/** Bytes of a pointer in a memory with addresses of 32 bits, and of 64. */
const POINTER_BYTES = { i32: 4, i64: 8 } as const;

/**
 * The C face of a heap: malloc's family as imports of a WebAssembly program in whose memory the heap is, a `Heap`,
 * `LocalHeap`, `DebugHeap` or `SampledHeap`. Where a program exports its memory, the heap can only be made after
 * the program: then give a function that returns it, which the program's first call calls, once.
 *
 * No call throws into the program, but where `misuse` says so, a heap with debugging is to panic, a function of the
 * caller's throws, or an argument is of a type that WebAssembly does not give (BAD_ARGUMENT). Each call costs what the
 * heap's own does. Throws BAD_ARGUMENT for options that there are not, and for what is no heap.
 */
export function cMalloc(
  heap: BaseHeap | (() => BaseHeap),
  options?: CMallocOptions & { readonly address?: "i32" },
): CMalloc<number>;
export function cMalloc(
  heap: BaseHeap | (() => BaseHeap),
  options: CMallocOptions & { readonly address: "i64" },
): CMalloc<bigint>;
export function cMalloc(
  heap: BaseHeap | (() => BaseHeap),
  options?: CMallocOptions,
): CMalloc<number> | CMalloc<bigint> {
  const read = readOptions("options", options, C_MALLOC_CHECKS);
  const { address = "i32", reallocZero = "block" } = read;
  let opened: BaseHeap | undefined;
  const open = typeof heap === "function" ? heap : undefined;
  const heapOf = (): BaseHeap => opened ?? openNow();
  const openNow = (): BaseHeap => {
    opened = requireHeap(open?.() as BaseHeap);
    bindAwaited(opened);
    return opened;
  };
  if (open === undefined) opened = requireHeap(heap as BaseHeap);
  const failures = cFailures(heapOf, read);
  const pointerBytes = POINTER_BYTES[address];
  const calls = cCalls({ heapOf, failures, freesAtZero: reallocZero === "free", pointerBytes });
  return address === "i32" ? calls : cCalls64(calls, failures);
}

function requireHeap(heap: BaseHeap): BaseHeap {
  accessTo(heap);
  return heap;
}
