import { typeOfRole } from "../../../src/wasm/allocator/roles.ts";
import { Assembler, type Code, codeOf, type Operand } from "../../../src/wasm/binary/assembler.ts";
import { CORE_FUNCTIONS, CORE_MEMORY, coreExport, coreGlobals } from "../../../src/wasm/core/layout.ts";
import { coreBody } from "../../../src/wasm/core/variants.ts";
import { adopt, type CFunctionName } from "../../../src/wasm/index.ts";
import { type BuiltModule, buildModule, I32, op } from "./module-builder.ts";
import { toyFree, toyMalloc } from "./toy-allocator.ts";

/** What runs in a core that is noted. */
export const Note = { LOAD: 0, STORE: 1, BULK: 2 } as const;

/** The memory of such a module. */
export interface CoreMemory {
  readonly pages: number;
  readonly maximum: number;
  readonly isShared: boolean;
}

/** The exports of a core: malloc's family. */
export type CoreCalls = Readonly<Record<CFunctionName, (...args: number[]) => number>>;

const functionNames: readonly CFunctionName[] = CORE_FUNCTIONS;

function memoryOf({ pages, maximum, isShared }: CoreMemory): NonNullable<BuiltModule["memory"]> {
  return { pages, maximum, isShared, isImported: true, exportAs: CORE_MEMORY };
}

/** A program that does nothing but export the whole family, adopted: its functions are the merged ones. */
function adoptedCore(memory: CoreMemory, merge: true | "sampled" = true): Uint8Array<ArrayBuffer> {
  const others = functionNames.filter((name) => name !== "malloc" && name !== "free");
  const plain = others.map((name) => ({ ...typeOfRole(name, false), code: op.i32(0), exportAs: name }));
  const functions = [toyMalloc(), toyFree(), ...plain];
  return adopt(buildModule({ functions, memory: { ...memoryOf(memory), exportAs: "memory" } }), { merge }).bytes;
}

const compiled = new WeakMap<CoreMemory, WebAssembly.Module>();

/** The same, compiled once for each memory. */
export function compiledCore(memory: CoreMemory): WebAssembly.Module {
  const module = compiled.get(memory) ?? new WebAssembly.Module(adoptedCore(memory));
  compiled.set(memory, module);
  return module;
}

/** The same with the paths of a `SampledHeap`. */
export function sampledCore(memory: CoreMemory): WebAssembly.Module {
  return new WebAssembly.Module(adoptedCore(memory, "sampled"));
}

/** The number of the first import of the probes. */
const NOTE = functionNames.length;
const TEST: number = NOTE + 1;

/** Calls JavaScript after each access, and with each condition. */
class ProbedAssembler extends Assembler {
  override load(at: Operand, offsetBytes?: number): Code {
    return noted(super.load(at, offsetBytes), Note.LOAD);
  }

  override load8(at: Operand, offsetBytes?: number): Code {
    return noted(super.load8(at, offsetBytes), Note.LOAD);
  }

  override store(at: Operand, value: Operand, offsetBytes?: number): Code {
    return noted(super.store(at, value, offsetBytes), Note.STORE);
  }

  override store8(at: Operand, value: Operand, offsetBytes?: number): Code {
    return noted(super.store8(at, value, offsetBytes), Note.STORE);
  }

  override store64(at: Operand, value: Code, offsetBytes?: number): Code {
    return noted(super.store64(at, value, offsetBytes), Note.STORE);
  }

  override fill(at: Operand, byte: Operand, sizeBytes: Operand): Code {
    return noted(super.fill(at, byte, sizeBytes), Note.BULK);
  }

  override copy(to: Operand, from: Operand, sizeBytes: Operand): Code {
    return noted(super.copy(to, from, sizeBytes), Note.BULK);
  }

  override test(condition: Operand): Code {
    return [...super.test(condition), ...op.call(TEST)];
  }
}

function noted(code: Code, what: number): Code {
  return [...code, ...codeOf(what), ...op.call(NOTE)];
}

/** The same functions, each of which notes what it does while it runs. */
export function probedCore(memory: CoreMemory, isCounted = false): Uint8Array<ArrayBuffer> {
  const context = {
    assembler: new ProbedAssembler(),
    firstGlobal: 0,
    importIndexOf: (name: CFunctionName) => functionNames.indexOf(name),
    mallocIndex: TEST + 1 + functionNames.indexOf("malloc"),
    isShared: memory.isShared,
    isCounted,
  };
  const probes = [
    { module: "probe", name: "note", params: [I32], results: [] },
    { module: "probe", name: "test", params: [I32], results: [I32] },
  ];
  return buildModule({
    imports: [...functionNames.map((name) => ({ module: "kmem", name, ...typeOfRole(name, false) })), ...probes],
    functions: functionNames.map((name) => ({
      ...typeOfRole(name, false),
      code: [],
      body: coreBody(name, context),
      exportAs: name,
    })),
    globals: coreGlobals(isCounted).map((name) => ({
      value: 0,
      isMutable: true,
      exportAs: coreExport(name, isCounted),
    })),
    memory: memoryOf(memory),
  });
}
