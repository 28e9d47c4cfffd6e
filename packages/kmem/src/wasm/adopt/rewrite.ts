import { CannotAdopt } from "../allocator/cannot-adopt.ts";
import type { FoundFunction } from "../allocator/find-allocator.ts";
import type { HeaderAnswer } from "../allocator/replacement-proof.ts";
import { C_FUNCTIONS, type CFunctionName, IMPORT_MODULE, neededBy, typeOfRole } from "../allocator/roles.ts";
import { ByteReader, ByteWriter, lebBytes, putLeb } from "../binary/bytes.ts";
import { External, MODULE_HEADER_BYTES, Section, Type } from "../binary/layout.ts";
import { isAfter, type ModuleSection, type WasmModule } from "../binary/module.ts";
import { OffsetMap } from "../binary/offset-map.ts";
import { type PlaceOf, shiftedBranchHints, shiftedNames } from "../binary/shift-names.ts";
import type { CodeFacts } from "../code/code-facts.ts";
import { type CoreChoice, CoreSections } from "../core/sections.ts";
import { CHECK_IMPORTS, type CheckImportName } from "../instrument/check-plan.ts";
import { adapterBody, constantInstead, emptyBody, paddedBody } from "./adapters.ts";

/** What a start function is exported as that the engine is not to call. */
export const START_EXPORT = "kmem:start";

/** What is to become of a module. */
export interface RewritePlan {
  readonly facts: CodeFacts;
  readonly found: ReadonlyMap<number, FoundFunction>;
  readonly answers: readonly HeaderAnswer[];
  /** Where static data and the stack have ended. */
  readonly staticEnd: number;
  /** Whether it also imports what a check calls. */
  readonly isChecked: boolean;
  /** What becomes of the heap's fast paths. */
  readonly core: CoreChoice;
  /** Whether the start function is to be exported instead of called by the engine. */
  readonly isStartDeferred: boolean;
}

type AddedImport = CFunctionName | CheckImportName;

/** A module that was rewritten. */
export interface Rewritten {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly imports: readonly CFunctionName[];
  /** The functions that are in the module, and call the imports only where their fast path ends. */
  readonly merged: readonly CFunctionName[];
  readonly offsets: OffsetMap;
  /** Whether all code is as far from the start of its section as it was, as debug information counts. */
  readonly areCodeOffsetsKept: boolean;
}

/** What imports and longer numbers usually take. */
const EXPECTED_GROWTH_BYTES = 4096;
const HINTS = "metadata.code.branch_hint";
const OTHER_HINTS = /^metadata\.code\./;

/** Writes a module again with imported functions in place of those that were found. */
export class Rewriter {
  readonly #plan: RewritePlan;
  readonly #module: WasmModule;
  /** The module's bytes, with constants in place of reads of headers. */
  readonly #bytes: Uint8Array;
  readonly #is64: boolean;
  readonly #imports: readonly AddedImport[];
  readonly #core: CoreSections;
  readonly #newTypes: { readonly params: number[]; readonly results: number[] }[] = [];
  readonly #out: ByteWriter;
  readonly #offsets = new OffsetMap();
  /** The bodies that take the place of others, and by how much each function grows. */
  readonly #bodies: (Uint8Array | undefined)[] = [];
  readonly #growths: number[] = [];

  constructor(plan: RewritePlan) {
    this.#plan = plan;
    this.#module = plan.facts.module;
    this.#out = new ByteWriter(this.#module.bytes.length + EXPECTED_GROWTH_BYTES);
    this.#is64 = this.#module.memories[0]?.is64 === true;
    const needed = new Set([...plan.found.values()].flatMap(({ role }) => neededBy(role)));
    const checks = plan.isChecked ? (Object.keys(CHECK_IMPORTS) as CheckImportName[]) : [];
    this.#imports = [...C_FUNCTIONS.filter((name) => needed.has(name)), ...checks];
    this.#core = new CoreSections(this.#module, this.#imports, this.#importIndex, plan.core);
    this.#bytes = plan.answers.length > 0 ? this.#module.bytes.slice() : this.#module.bytes;
    for (const { at, end, answer } of plan.answers) {
      this.#bytes.set(constantInstead(this.#bytes.subarray(at, end), answer), at);
    }
    for (let defined = 0; defined < this.#module.definedCount; defined++) this.#planBody(defined);
  }

  rewrite(): Rewritten {
    const { sections } = this.#module;
    this.#out.put(this.#bytes.subarray(0, MODULE_HEADER_BYTES));
    const importTypes = this.#imports.map((name) => this.#typeIndex(name));
    const has = (id: number): boolean => sections.some((section) => section.id === id);
    let [hasImports, hasGlobals] = [has(Section.IMPORT), has(Section.GLOBAL)];
    for (const section of sections) {
      if (!hasImports && isAfter(section, Section.IMPORT)) {
        this.#writeImports(undefined, importTypes);
        hasImports = true;
      }
      if (!hasGlobals && isAfter(section, Section.GLOBAL)) {
        this.#writeExtended(Section.GLOBAL, Uint8Array.of(0));
        hasGlobals = true;
      }
      if (section.id === Section.IMPORT) this.#writeImports(section, importTypes);
      else this.#writeSection(section);
    }
    return {
      bytes: this.#out.written.slice(),
      imports: C_FUNCTIONS.filter((name) => this.#imports.includes(name)),
      merged: this.#core.functions,
      offsets: this.#offsets,
      areCodeOffsetsKept: this.#countGrowth === 0 && this.#growths.every((growth) => growth === 0),
    };
  }

  /** The index of a function in the new module. */
  readonly #newIndex = (functionIndex: number): number => {
    const role = this.#plan.found.get(functionIndex)?.role;
    if (role !== undefined && this.#isDirect(functionIndex)) return this.#functionIndex(role as CFunctionName);
    return this.#shifted(functionIndex);
  };

  readonly #shifted = (functionIndex: number): number =>
    functionIndex < this.#module.importedFunctionCount ? functionIndex : functionIndex + this.#imports.length;

  readonly #importIndex = (name: AddedImport): number =>
    this.#module.importedFunctionCount + this.#imports.indexOf(name);

  /** What calls of one of C's functions name: its fast path, or the import where it has none. */
  readonly #functionIndex = (name: CFunctionName): number => this.#core.indexOf(name) ?? this.#importIndex(name);

  /** Whether a function's place is taken by one of C's itself. */
  #isDirect(functionIndex: number): boolean {
    return C_FUNCTIONS.includes(this.#plan.found.get(functionIndex)?.role as CFunctionName);
  }

  /** The type that the functions have whose place another takes, if no plain one: what refers to them counts on it. */
  #replacedType(name: AddedImport): number | undefined {
    const { functionTypes, types } = this.#module;
    const replaced = [...this.#plan.found.values()].filter(({ role }) => role === name);
    const functions = replaced.map(({ functionIndex }) => functionIndex);
    const [type, ...others] = new Set(functions.map((index) => functionTypes[index]!));
    if (type === undefined || [type, ...others].every((one) => types[one]?.isPlain === true)) return undefined;
    if (others.length === 0) return type;
    const text = `functions ${functions.join(" and ")} are all ${name}, but have types that are not the same`;
    throw new CannotAdopt("wrong-type", text, { role: name, functions });
  }

  /** The index of a type that the module has, or gets now. */
  #typeIndex(name: AddedImport): number {
    const replaced = this.#replacedType(name);
    if (replaced !== undefined) return replaced;
    const { params, results } = typeOfImport(name, this.#is64);
    const key = `${params}:${results}`;
    const { types } = this.#module;
    const known = types.findIndex((type) => type?.isPlain === true && `${type.params}:${type.results}` === key);
    if (known !== -1) return known;
    const added = this.#newTypes.findIndex((type) => `${type.params}:${type.results}` === key);
    return types.length + (added === -1 ? this.#newTypes.push({ params, results }) - 1 : added);
  }

  #writeSection(section: ModuleSection): void {
    const { id, name } = section;
    const contents = this.#bytes.subarray(section.start, section.end);
    if (id === Section.CUSTOM) {
      if (name === "name") this.#writeNew(id, shiftedNames(contents, this.#newNames()), name);
      else if (name === HINTS) {
        this.#writeNew(id, shiftedBranchHints(contents, this.#shifted, this.#placesIn), name);
      } else if (!OTHER_HINTS.test(name)) this.#copy(section);
    } else if (id === Section.START && this.#plan.isStartDeferred) return;
    else if (id === Section.TYPE && this.#newTypes.length > 0) this.#writeTypes(contents);
    else if (id === Section.CODE) this.#writeCode(section);
    else this.#writeSites(section);
  }

  #copy({ headAt, end }: ModuleSection): void {
    this.#offsets.add(this.#out.length, headAt);
    this.#out.put(this.#bytes.subarray(headAt, end));
  }

  #writeNew(id: number, contents: Uint8Array, name?: string): void {
    const whole = new ByteWriter();
    if (name !== undefined) whole.name(name);
    whole.put(contents);
    this.#out.byte(id);
    this.#out.sized(whole.written);
  }

  #newNames() {
    const importNames = this.#imports.map((name): [number, string] => [this.#importIndex(name), name]);
    return { importNames: [...importNames, ...this.#core.names], shifted: this.#shifted };
  }

  #writeTypes(contents: Uint8Array): void {
    const reader = new ByteReader(contents);
    const count = reader.u32();
    const writer = new ByteWriter();
    writer.u32(count + this.#newTypes.length);
    writer.put(contents.subarray(reader.at));
    for (const { params, results } of this.#newTypes) {
      writer.byte(Type.FUNCTION, params.length, ...params, results.length, ...results);
    }
    this.#writeNew(Section.TYPE, writer.written);
  }

  #writeImports(section: ModuleSection | undefined, types: readonly number[]): void {
    const contents = section === undefined ? Uint8Array.of(0) : this.#bytes.subarray(section.start, section.end);
    const reader = new ByteReader(contents);
    const count = reader.u32();
    const writer = new ByteWriter();
    writer.u32(count + this.#imports.length);
    writer.put(contents.subarray(reader.at));
    for (const [place, name] of this.#imports.entries()) {
      writer.name(IMPORT_MODULE);
      writer.name(name);
      writer.byte(External.FUNCTION);
      writer.u32(types[place]!);
    }
    this.#writeNew(Section.IMPORT, writer.written);
  }

  /** A section outside of the code with the new indexes of the functions that it names. */
  #writeSites(section: ModuleSection): void {
    const { functionSites } = this.#module;
    const sites = functionSites.filter((at) => at >= section.start && at < section.end);
    const writer = new ByteWriter();
    let from = section.start;
    for (const at of sites) {
      const reader = new ByteReader(this.#bytes, at);
      const index = reader.u32();
      writer.put(this.#bytes.subarray(from, at));
      writer.u32(this.#newIndex(index), reader.at - at);
      from = reader.at;
    }
    writer.put(this.#bytes.subarray(from, section.end));
    const hasStart = section.id === Section.EXPORT && this.#plan.isStartDeferred;
    const contents = hasStart ? this.#withStart(writer.written) : writer.written;
    const isExtended = this.#writeExtended(section.id, contents);
    if (!isExtended && !hasStart && sites.length === 0) this.#copy(section);
    else if (!isExtended) this.#writeNew(section.id, contents);
  }

  /** The exports, and the start function among them. */
  #withStart(exports: Uint8Array): Uint8Array {
    const { startFunction } = this.#module;
    if (startFunction === undefined) return exports;
    const reader = new ByteReader(exports);
    const writer = new ByteWriter(exports.length);
    writer.u32(reader.u32() + 1);
    writer.put(exports.subarray(reader.at));
    writer.name(START_EXPORT);
    writer.byte(External.FUNCTION);
    writer.u32(this.#newIndex(startFunction));
    return writer.written;
  }

  /** Writes a section to which the fast paths add something, and returns whether they do. */
  #writeExtended(id: number, contents: Uint8Array): boolean {
    const extended = this.#core.extended(id, contents, (name) => this.#typeIndex(name));
    if (extended !== undefined) this.#writeNew(id, extended);
    return extended !== undefined;
  }

  #planBody(defined: number): void {
    const { bodyStarts, bodyEnds } = this.#module;
    const body = this.#replacement(defined);
    const oldBytes = bodyEnds[defined]! - bodyStarts[defined]!;
    this.#bodies.push(body);
    this.#growths.push(body === undefined ? this.#growth(defined) : body.length - oldBytes);
  }

  /** Bytes by which the number of functions becomes longer when those of the fast paths are added. */
  get #countGrowth(): number {
    const { definedCount, bodySizesAt, sections } = this.#module;
    const code = sections.find(({ id }) => id === Section.CODE);
    const countBytes = code === undefined ? 0 : (bodySizesAt[0] ?? code.end) - code.start;
    return Math.max(0, lebBytes(definedCount + this.#core.functions.length) - countBytes);
  }

  /** All code: in place, but for the functions in which a number of a function has become longer. */
  #writeCode(section: ModuleSection): void {
    const { bodySizesAt, bodyStarts, bodyEnds, definedCount } = this.#module;
    const added = this.#core.bodies();
    let sizeBytes = section.end - section.start + this.#countGrowth + added.length;
    for (let defined = 0; defined < definedCount; defined++) {
      const newBytes = bodyEnds[defined]! - bodyStarts[defined]! + this.#growths[defined]!;
      const sizeLeb = bodyStarts[defined]! - bodySizesAt[defined]!;
      sizeBytes += this.#growths[defined]! + Math.max(0, lebBytes(newBytes) - sizeLeb);
    }
    this.#out.byte(Section.CODE);
    this.#out.u32(sizeBytes);
    this.#offsets.add(this.#out.length, section.start);
    this.#out.u32(definedCount + this.#core.functions.length, (bodySizesAt[0] ?? section.end) - section.start);
    for (let defined = 0; defined < definedCount; defined++) this.#writeBody(defined);
    // What is new stands for nothing that there was.
    this.#offsets.add(this.#out.length, section.end);
    this.#out.put(added);
  }

  #copyPart(from: number, to: number): number {
    const at = this.#out.length;
    this.#offsets.add(at, from);
    this.#out.put(this.#bytes.subarray(from, to));
    return at;
  }

  #writeBody(defined: number): void {
    const { bodySizesAt, bodyStarts, bodyEnds } = this.#module;
    const [sizeAt, start, end] = [bodySizesAt[defined]!, bodyStarts[defined]!, bodyEnds[defined]!];
    const growth = this.#growths[defined]!;
    const body = this.#bodies[defined];
    this.#offsets.add(this.#out.length, sizeAt);
    this.#out.u32(end - start + growth, start - sizeAt);
    if (body !== undefined) {
      this.#offsets.add(this.#out.length, start);
      this.#out.put(body);
    } else if (growth === 0) {
      const shift = this.#copyPart(start, end) - start;
      const out = this.#out.written;
      this.#eachSite(defined, (at, length, value) => void putLeb(out, at + shift, value, length));
    } else {
      let from = start;
      this.#eachSite(defined, (at, length, value) => {
        this.#copyPart(from, at);
        this.#out.u32(value, length);
        from = at + length;
      });
      this.#copyPart(from, end);
    }
  }

  #eachSite(defined: number, visit: (at: number, length: number, value: number) => void): void {
    const { sites, targets } = this.#plan.facts;
    const [first, end] = this.#plan.facts.sitesOf(defined);
    for (let site = first; site < end; site++) {
      const at = sites.at(site);
      let length = 1;
      while (this.#module.bytes[at + length - 1]! >= 0x80) length++;
      visit(at, length, this.#newIndex(targets.at(site)));
    }
  }

  #growth(defined: number): number {
    let growth = 0;
    this.#eachSite(defined, (_at, length, value) => {
      growth += Math.max(0, lebBytes(value) - length);
    });
    return growth;
  }

  /** Where the instructions of a function that keeps its body stand in it now: numbers before them may be longer. */
  readonly #placesIn = (functionIndex: number): PlaceOf | undefined => {
    const defined = functionIndex - this.#module.importedFunctionCount;
    if (this.#bodies[defined] !== undefined) return undefined;
    const growths: { readonly at: number; readonly bytes: number }[] = [];
    const start = this.#module.bodyStarts[defined] ?? 0;
    if (this.#growths[defined]! > 0) {
      this.#eachSite(defined, (at, length, value) => {
        growths.push({ at: at - start, bytes: Math.max(0, lebBytes(value) - length) });
      });
    }
    let [next, grownBytes] = [0, 0];
    return (offset) => {
      for (; next < growths.length && growths[next]!.at < offset; next++) grownBytes += growths[next]!.bytes;
      return offset + grownBytes;
    };
  };

  /** The body that takes the place of a function's; undefined where it keeps its own. */
  #replacement(defined: number): Uint8Array | undefined {
    const functionIndex = defined + this.#module.importedFunctionCount;
    const found = this.#plan.found.get(functionIndex);
    if (found === undefined) return undefined;
    const sizeBytes = this.#module.bodyEnds[defined]! - this.#module.bodyStarts[defined]!;
    const adapter = adapterBody(found.role, this.#is64, this.#functionIndex, this.#plan.staticEnd);
    if (adapter !== undefined) return paddedBody(adapter, sizeBytes);
    return emptyBody(sizeBytes);
  }
}

function typeOfImport(name: AddedImport, is64: boolean): { params: number[]; results: number[] } {
  if (name !== "check_access" && name !== "check_range") return typeOfRole(name, is64);
  return { params: new Array<number>(CHECK_IMPORTS[name]).fill(Type.I32), results: [] };
}
