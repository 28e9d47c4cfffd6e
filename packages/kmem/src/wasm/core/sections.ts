import type { CFunctionName } from "../allocator/roles.ts";
import { Assembler } from "../binary/assembler.ts";
import { ByteReader, ByteWriter } from "../binary/bytes.ts";
import { External, Op, Section, Type } from "../binary/layout.ts";
import type { WasmModule } from "../binary/module.ts";
import { DEFAULT_PAGE_BYTES } from "../binary/types.ts";
import { CORE_FUNCTIONS, CORE_MEMORY, type CoreGlobalName, coreExport, coreGlobals, coreName } from "./layout.ts";
import { coreBody } from "./variants.ts";

/** A memory's first index: there is one. */
const ONLY_MEMORY = 0;

/** What becomes of the fast paths. */
export interface CoreChoice {
  /** Whether the module gets them. */
  readonly isMerged: boolean;
  /** Whether they count, for a `SampledHeap`. */
  readonly isCounted: boolean;
}

/** What a module gets besides its imports: functions with the fast paths, and their globals. */
export class CoreSections {
  /** The functions, in the order of their indexes; none where the module keeps to imports. */
  readonly functions: readonly CFunctionName[];
  readonly #module: WasmModule;
  readonly #importIndexOf: (name: CFunctionName) => number;
  readonly #firstFunction: number;
  readonly #isCounted: boolean;
  readonly #globals: readonly CoreGlobalName[];

  constructor(
    module: WasmModule,
    imports: readonly string[],
    importIndexOf: (name: CFunctionName) => number,
    { isMerged, isCounted }: CoreChoice,
  ) {
    this.#module = module;
    this.#isCounted = isCounted;
    this.#globals = coreGlobals(isCounted);
    this.#importIndexOf = importIndexOf;
    this.#firstFunction = module.functionTypes.length + imports.length;
    this.functions = isMerged && hasPlaceFor(module) ? CORE_FUNCTIONS.filter((name) => imports.includes(name)) : [];
  }

  /** The index of a function's fast path; undefined where it has none. */
  indexOf(name: CFunctionName): number | undefined {
    const place = this.functions.indexOf(name);
    return place === -1 ? undefined : this.#firstFunction + place;
  }

  /** What the name section calls the functions. */
  get names(): [number, string][] {
    return this.functions.map((name, place): [number, string] => [this.#firstFunction + place, coreName(name)]);
  }

  /** Adds to the contents of a section what the functions need there; undefined for sections without such. */
  extended(id: number, contents: Uint8Array, typeIndexOf: (name: CFunctionName) => number): Uint8Array | undefined {
    if (this.functions.length === 0) return undefined;
    const added = new ByteWriter();
    const count = this.#add(id, added, typeIndexOf);
    if (count === 0) return undefined;
    const reader = new ByteReader(contents);
    const writer = new ByteWriter();
    writer.u32(reader.u32() + count);
    writer.put(contents.subarray(reader.at));
    writer.put(added.written);
    return writer.written.slice();
  }

  /** The bodies of the functions, each with its size before it. */
  bodies(): Uint8Array {
    const { globals, memories } = this.#module;
    const context = {
      assembler: new Assembler(),
      firstGlobal: globals.length,
      importIndexOf: this.#importIndexOf,
      mallocIndex: this.indexOf("malloc"),
      isShared: memories[ONLY_MEMORY]!.isShared,
      isCounted: this.#isCounted,
    };
    const writer = new ByteWriter();
    for (const name of this.functions) writer.sized(coreBody(name, context));
    return writer.written.slice();
  }

  /** Writes what is new in a section, and returns how many items that is. */
  #add(id: number, into: ByteWriter, typeIndexOf: (name: CFunctionName) => number): number {
    switch (id) {
      case Section.FUNCTION:
        for (const name of this.functions) into.u32(typeIndexOf(name));
        return this.functions.length;
      case Section.GLOBAL:
        for (const _ of this.#globals) into.byte(Type.I32, 1, Op.I32_CONST, 0, Op.END);
        return this.#globals.length;
      case Section.EXPORT:
        for (const [place, name] of this.#globals.entries()) {
          into.name(coreExport(name, this.#isCounted));
          into.byte(External.GLOBAL);
          into.u32(this.#module.globals.length + place);
        }
        into.name(CORE_MEMORY);
        into.byte(External.MEMORY, ONLY_MEMORY);
        return this.#globals.length + 1;
      default:
        return 0;
    }
  }
}

/** Whether a module can have the functions: addresses of 32 bits, pages of 64 KiB, and sections to put them in. */
function hasPlaceFor({ memories, sections, exports }: WasmModule): boolean {
  const [memory] = memories;
  if (memory === undefined || memory.is64 || memory.pageBytes !== DEFAULT_PAGE_BYTES) return false;
  const has = (id: number): boolean => sections.some((section) => section.id === id);
  const exported = [false, true].flatMap((isCounted) => coreGlobals(true).map((name) => coreExport(name, isCounted)));
  const taken = new Set<string>([CORE_MEMORY, ...exported]);
  const hasSections = [Section.FUNCTION, Section.EXPORT, Section.CODE].every(has);
  return hasSections && !exports.some(({ name }) => taken.has(name));
}
