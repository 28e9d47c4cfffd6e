import { ByteReader } from "./bytes.ts";
import type { WasmModule } from "./module.ts";

/** What the name section says of functions and globals. */
export interface ModuleNames {
  readonly functions: ReadonlyMap<number, string>;
  readonly globals: ReadonlyMap<number, string>;
}

/** The parts of the name section. */
export const NamePart = { MODULE: 0, FUNCTIONS: 1, LOCALS: 2, LABELS: 3, GLOBALS: 7 } as const;

/**
 * Reads the name section. Engines ignore one that is malformed, and so does this: it says what came before the fault.
 * O(its bytes).
 */
export function readNames(module: WasmModule): ModuleNames {
  const names = { functions: new Map<number, string>(), globals: new Map<number, string>() };
  const section = module.custom("name");
  if (section === undefined) return names;
  const reader = new ByteReader(module.bytes, section.start, section.end);
  try {
    while (!reader.isDone) {
      const id = reader.byte();
      const part = reader.part(reader.count());
      if (id === NamePart.FUNCTIONS) readNameMap(part, names.functions);
      if (id === NamePart.GLOBALS) readNameMap(part, names.globals);
    }
  } catch {
    return names;
  }
  return names;
}

function readNameMap(reader: ByteReader, into: Map<number, string>): void {
  for (let left = reader.count(2); left > 0; left--) into.set(reader.u32(), reader.name());
}
