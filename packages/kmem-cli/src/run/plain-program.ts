import { hasCode } from "kmem";
import { type ProgramFrames, programFrames } from "kmem/wasm";
import { type Ending, openWasi, type ProgramWorld, requireImports, startWasi } from "./wasi.ts";

/** Custom section in which a module keeps the names of its functions. */
const NAME_SECTION = "name";

/** What of an allocator `adopt` did not find, where that is why it has refused the module; empty otherwise. */
function missingIn(error: unknown): readonly string[] {
  if (!hasCode(error, "CANNOT_ADOPT") || error.details.reason !== "not-found") return [];
  return error.details["missing"] as string[];
}

/** Whether a module was refused since neither malloc nor free was found in it. */
export function isWithoutAllocator(error: unknown): boolean {
  return missingIn(error).length > 1;
}

/** What can be done on the command line where a half of the allocator was not found; other errors as they are. */
export function withAdvice(error: unknown, module?: Uint8Array): unknown {
  const missing = missingIn(error);
  if (missing.length === 0) return error;
  const nameless = `nothing says which of its functions is ${missing.join(" and ")}`;
  const hasNames = module !== undefined && hasNameSection(new WebAssembly.Module(module as BufferSource));
  const text = hasNames && missing.includes("free") ? `${nameless}; ${LINK_FREE}` : `${nameless}; ${KEEP_NAMES}`;
  return new Error(text, { cause: error });
}

function hasNameSection(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.customSections(module, NAME_SECTION).length > 0;
}

/** A program that frees nothing has no free: its linker leaves out what nobody calls. */
const LINK_FREE =
  "where it frees nothing, the linker has left free out: link with -Wl,--export=free; else name it by -g";

const KEEP_NAMES =
  "have it keep the names of its functions: compile with -g, or with -O1 -c and link that without -O " +
  "(linking with -O runs wasm-opt, which takes them away)";

/** A program that has no allocator, and is run as it is. */
export class PlainProgram {
  readonly frames: ProgramFrames;
  /** What to do where it does have one that was not recognised for want of names; undefined where it has names. */
  readonly advice: string | undefined;
  readonly #compiled: WebAssembly.Module;

  /** Throws BAD_MODULE, and what the engine refuses. */
  constructor(module: Uint8Array) {
    this.frames = programFrames(module);
    this.#compiled = new WebAssembly.Module(module as BufferSource);
    this.advice = hasNameSection(this.#compiled) ? undefined : `if it does have one, ${KEEP_NAMES}`;
  }

  /** Runs the program to its end. Throws what it imports that there is not. */
  async run(world: ProgramWorld): Promise<Ending> {
    const wasi = await openWasi(world);
    const imports = wasi.getImportObject() as WebAssembly.Imports;
    requireImports(this.#compiled, imports);
    const { exports } = await WebAssembly.instantiate(this.#compiled, imports);
    return startWasi(wasi, exports);
  }
}
