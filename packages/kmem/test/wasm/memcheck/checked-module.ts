import {
  type AdoptOptions,
  adopt,
  Memcheck,
  type MemcheckOptions,
  type MemcheckReport,
  programHeapOptions,
} from "../../../src/wasm/index.ts";
import { MIB } from "../../support/memories.ts";

/** A module that is checked and runs, and all that was told of it. */
export interface CheckedModule {
  readonly check: Memcheck;
  readonly told: MemcheckReport[];
  readonly exports: Record<string, (...args: unknown[]) => unknown>;
  readonly memory: WebAssembly.Memory;
}

/** Adopts a module that exports its memory to be checked, and makes an instance of it. */
export function checkedModule(
  bytes: Uint8Array,
  options: AdoptOptions = {},
  how: Partial<MemcheckOptions> = {},
): CheckedModule {
  const adopted = adopt(bytes, { check: "memcheck", ...options });
  const told: MemcheckReport[] = [];
  let exports: WebAssembly.Exports = {};
  const open = () => programHeapOptions(adopted, { exports, maximumBytes: 4 * MIB });
  const check = new Memcheck(adopted, open, { report: (report) => told.push(report), ...how });
  const module = new WebAssembly.Module(adopted.bytes);
  const functions = { ...check.imports };
  exports = new WebAssembly.Instance(module, { kmem: functions, env: functions }).exports;
  const memory = exports[adopted.memory.exportedAs!] as WebAssembly.Memory;
  return { check, told, memory, exports: exports as CheckedModule["exports"] };
}
