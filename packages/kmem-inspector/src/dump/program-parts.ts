import { PAGE_SIZE } from "kmem";
import { exposeStack } from "kmem/wasm";

/** Where a WebAssembly program has its stack, below the heap; all else there is its data. */
export interface ProgramParts {
  readonly stackStart: number;
  readonly stackEnd: number;
}

/** Finds a program's stack by its module; undefined where it has none in its memory. Throws a KmemError for no module. */
export function programParts(module: Uint8Array): ProgramParts | undefined {
  const stack = exposeStack(module);
  return stack === undefined ? undefined : { stackStart: stack.low, stackEnd: stack.top };
}

/** What a page below the heap is, where the program is known. */
export function programStateOf({ stackStart, stackEnd }: ProgramParts, frame: number): "stack" | "data" {
  const start = frame * PAGE_SIZE;
  return start < stackEnd && start + PAGE_SIZE > stackStart ? "stack" : "data";
}
