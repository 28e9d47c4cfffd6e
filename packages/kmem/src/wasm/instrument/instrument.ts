import { CannotAdopt } from "../allocator/cannot-adopt.ts";
import { IMPORT_MODULE } from "../allocator/roles.ts";
import { ByteReader, ByteWriter } from "../binary/bytes.ts";
import { Element, External, Limits, MODULE_HEADER_BYTES, Section, Type } from "../binary/layout.ts";
import { isAfter, type ModuleSection, WasmModule } from "../binary/module.ts";
import { readNames } from "../binary/names.ts";
import { OffsetMap } from "../binary/offset-map.ts";
import { shiftedNames } from "../binary/shift-names.ts";
import { stackPointerOf } from "../code/program-stack.ts";
import { CHECKER_PARAMETERS, checkerBody, type EntryKind, entryBody } from "./check-functions.ts";
import { type CheckImportName, type CheckKind, type CheckLayout, shadowBytes, usualMaximum } from "./check-plan.ts";
import { BodyInstrumenter as Body, type BodyPlan, type CallFacts, type InstrumentedBody } from "./instrument-body.ts";

/** A module whose loads and stores look into a shadow first. */
export interface Instrumented {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly offsets: OffsetMap;
}

const WASM_PAGE_BYTES = 65_536;
const MOST_PAGES = 65_536;
const CHECKED_SIZES = [1, 2, 4, 8, 16];
const CHECK_KINDS: readonly CheckKind[] = ["load", "store", "copy"];
/** Names of what is added, which no stack is to show. */
const ENTRY_NAME = "kmem:entry";
const CHECKER_NAME = "kmem:check";
const HINTS = "metadata.code.branch_hint";
/** What follows hints on code says where code stands, which moves. */
const MOVED_SECTIONS = /^(?:metadata\.code\.|\.debug_|sourceMappingURL$|external_debug_info$)/;
/** C's functions that copy bytes without looking at them. */
const COPIER_NAME = /^(?:__)?(?:memcpy|memmove|mempcpy|wmemcpy|wmemmove|emscripten_memcpy|.*::(?:memcpy|memmove))/;

/** Instruments a module that was adopted, which imports the functions of a check. */
export class Instrumenter {
  readonly #module: WasmModule;
  readonly #layout: CheckLayout;
  readonly #originOf: (offset: number) => number;
  readonly #out: ByteWriter;
  readonly #offsets = new OffsetMap();
  /** Functions that are added after the module's own: their types' indexes and bodies. */
  readonly #added: { readonly type: number; readonly body: Uint8Array; readonly name: string }[] = [];
  readonly #checkers = new Map<string, number>();
  /** By function, the one that stands for it among the exports, and in tables. */
  readonly #entries = new Map<number, number>();
  readonly #tableEntries = new Map<number, number>();
  readonly #calls: CallFacts = { references: new Set(), hasIndirectTailCalls: false };
  readonly #bodies: InstrumentedBody[] = [];

  /** `originOf` says which byte of the program's own module a byte of this one was. */
  constructor(bytes: Uint8Array, layout: CheckLayout, originOf: (offset: number) => number) {
    this.#module = new WasmModule(bytes);
    this.#layout = layout;
    this.#originOf = originOf;
    this.#out = new ByteWriter(4 * bytes.length);
    requireRoom(this.#module, layout);
  }

  instrument(): Instrumented {
    this.#addCheckers();
    this.#addEntries();
    const plan = this.#bodyPlan();
    for (let defined = 0; defined < this.#module.definedCount; defined++) {
      this.#bodies.push(new Body(plan, defined).instrument());
    }
    this.#addTableEntries();
    this.#out.put(this.#module.bytes.subarray(0, MODULE_HEADER_BYTES));
    let hasElements = this.#declared().length === 0;
    for (const section of this.#module.sections) {
      if (!hasElements && isAfter(section, Section.ELEMENT))
        this.#write(Section.ELEMENT, this.#elements(Uint8Array.of(0)));
      hasElements ||= section.id === Section.ELEMENT || isAfter(section, Section.ELEMENT);
      this.#writeSection(section);
    }
    if (this.#module.custom("name") === undefined) this.#writeNames(Uint8Array.of());
    return { bytes: this.#out.written.slice(), offsets: this.#offsets };
  }

  get #is64(): boolean {
    return this.#module.memories[0]?.is64 === true;
  }

  #importIndex(name: CheckImportName): number {
    const functions = this.#module.imports.filter(({ kind }) => kind === External.FUNCTION);
    return functions.findIndex((one) => one.module === IMPORT_MODULE && one.name === name);
  }

  #addCheckers(): void {
    // Without code nothing calls them, and there may be no section to put them in.
    if (!this.#layout.hasShadow || this.#module.definedCount === 0) return;
    const kinds = CHECK_KINDS.filter((kind) => kind !== "copy" || this.#layout.cellShift > 0);
    for (const kind of kinds) {
      for (const sizeBytes of CHECKED_SIZES) {
        const importIndex = this.#importIndex("check_access");
        const body = checkerBody(this.#is64, this.#layout, sizeBytes, kind, importIndex);
        const index = this.#add({ type: this.#module.types.length, body, name: CHECKER_NAME });
        this.#checkers.set(`${kind} ${sizeBytes}`, index);
      }
    }
  }

  /** What JavaScript calls begins a stack: each exported function is called by another, which notes that. */
  #addEntries(): void {
    for (const { kind, index } of this.#module.exports) {
      if (kind === External.FUNCTION) this.#addEntry(this.#entries, index, "exported");
    }
  }

  /** Functions in tables that JavaScript has are called by others, so that what they note does not pile up. */
  #addTableEntries(): void {
    const { functionSites, exports, imports, sections, bytes } = this.#module;
    const isOpen = [...exports, ...imports].some(({ kind }) => kind === External.TABLE);
    // A call that takes the place of its caller would not do so any more.
    if (!isOpen || this.#calls.hasIndirectTailCalls) return;
    for (const { start, end } of sections.filter(({ id }) => TABLE_SECTIONS.includes(id))) {
      for (const at of functionSites.filter((site) => site >= start && site < end)) {
        this.#addEntry(this.#tableEntries, new ByteReader(bytes, at, end).u32(), "in a table");
      }
    }
  }

  #addEntry(entries: Map<number, number>, index: number, kind: EntryKind): void {
    if (index < this.#module.importedFunctionCount || entries.has(index)) return;
    const parameterCount = this.#module.typeOf(index)?.params.length ?? 0;
    const body = entryBody(this.#is64, this.#layout, parameterCount, index, kind);
    entries.set(index, this.#add({ type: this.#module.functionTypes[index]!, body, name: ENTRY_NAME }));
  }

  #add(one: { readonly type: number; readonly body: Uint8Array; readonly name: string }): number {
    return this.#module.functionTypes.length + this.#added.push(one) - 1;
  }

  #bodyPlan(): BodyPlan {
    const names = readNames(this.#module);
    const copiers = [...names.functions].filter(([, name]) => COPIER_NAME.test(name)).map(([index]) => index);
    return {
      module: this.#module,
      layout: this.#layout,
      functions: {
        checkerOf: (sizeBytes, kind) => this.#checkers.get(`${kind} ${sizeBytes}`)!,
        range: this.#importIndex("check_range"),
      },
      stackPointer: this.#stackPointer(),
      copiers: new Set(this.#layout.cellShift > 0 ? copiers : []),
      originOf: this.#originOf,
      calls: this.#calls,
    };
  }

  /** The stack pointer, or -1 where the global that looks like one does not begin where a stack does. */
  #stackPointer(): number {
    const index = stackPointerOf(this.#module);
    const { initial = 0, type } = this.#module.globals[index] ?? {};
    const isWord = type === (this.#is64 ? Type.I64 : Type.I32);
    return isWord && initial > 0 && initial % 16 === 0 && initial <= this.#layout.staticEnd ? index : -1;
  }

  #writeSection(section: ModuleSection): void {
    const { id, name, start, end } = section;
    const contents = this.#module.bytes.subarray(start, end);
    switch (id) {
      case Section.CUSTOM:
        if (name === "name") this.#writeNames(contents);
        else if (!MOVED_SECTIONS.test(name)) this.#copy(section);
        return;
      case Section.TYPE:
        if (this.#checkers.size === 0) this.#copy(section);
        else this.#writeLonger(id, contents, [[Type.FUNCTION, CHECKER_PARAMETERS.length, ...CHECKER_PARAMETERS, 0]]);
        return;
      case Section.FUNCTION:
        this.#writeLonger(
          id,
          contents,
          this.#added.map(({ type }) => lebOf(type)),
        );
        return;
      case Section.MEMORY:
        this.#write(id, this.#memory());
        return;
      case Section.EXPORT:
        this.#write(id, this.#exports(section));
        return;
      case Section.TABLE:
      case Section.ELEMENT: {
        const functions = this.#withTableEntries(section);
        if (functions === undefined) this.#copy(section);
        else this.#write(id, id === Section.TABLE ? functions : this.#elements(functions));
        return;
      }
      case Section.CODE:
        this.#writeHints();
        this.#writeCode();
        return;
      default:
        this.#copy(section);
    }
  }

  #copy({ headAt, end }: ModuleSection): void {
    this.#offsets.add(this.#out.length, headAt);
    this.#out.put(this.#module.bytes.subarray(headAt, end));
  }

  #write(id: number, contents: Uint8Array): void {
    this.#out.byte(id);
    this.#out.sized(contents);
  }

  /** A section of items with more of them at its end. */
  #writeLonger(id: number, contents: Uint8Array, items: readonly (readonly number[])[]): void {
    const reader = new ByteReader(contents);
    const count = reader.u32();
    const writer = new ByteWriter(contents.length);
    writer.u32(count + items.length);
    writer.put(contents.subarray(reader.at));
    for (const item of items) writer.byte(...item);
    this.#write(id, writer.written);
  }

  /** The memory, which begins with room for the shadow of what it begins with, and may grow by all of its shadow. */
  #memory(): Uint8Array {
    const { initial, maximum, isShared, is64 } = this.#module.memories[0]!;
    const writer = new ByteWriter();
    const flags = (maximum === undefined ? 0 : Limits.HAS_MAXIMUM) | (isShared ? Limits.SHARED : 0);
    writer.u32(1);
    writer.byte(flags | (is64 ? Limits.IS_64 : 0));
    const least = Math.max(initial, leastPages(this.#layout));
    const most = this.#mostPages(Math.max(maximum ?? MOST_PAGES, least));
    writer.u32(Math.min(most, Math.max(least, this.#reservedPages(most))));
    if (maximum !== undefined) writer.u32(most);
    return writer.written;
  }

  /** What has the shadow of all that the memory may usually become, where pages of the program's may follow. */
  #reservedPages(most: number): number {
    const { growsItself, hasShadow, shadowAt } = this.#layout;
    if (!growsItself || !hasShadow) return 0;
    const covered = usualMaximum(this.#layout, most * WASM_PAGE_BYTES);
    return Math.ceil((shadowAt + shadowBytes(this.#layout, covered)) / WASM_PAGE_BYTES);
  }

  #mostPages(maximum: number): number {
    const { shadowAt, headerAt } = this.#layout;
    const added = shadowAt - headerAt + shadowBytes(this.#layout, 2 * maximum * WASM_PAGE_BYTES);
    return Math.min(MOST_PAGES, maximum + Math.ceil(added / WASM_PAGE_BYTES));
  }

  #exports({ start, end }: ModuleSection): Uint8Array {
    const reader = new ByteReader(this.#module.bytes, start, end);
    const writer = new ByteWriter(end - start);
    const count = reader.u32();
    writer.u32(count);
    for (let left = count; left > 0; left--) {
      writer.name(reader.name());
      const kind = reader.byte();
      const index = reader.u32();
      writer.byte(kind);
      writer.u32(kind === External.FUNCTION ? (this.#entries.get(index) ?? index) : index);
    }
    return writer.written;
  }

  /** A section of tables or of what is in them, with what stands for functions that it names; undefined for none. */
  #withTableEntries({ start, end }: ModuleSection): Uint8Array | undefined {
    if (this.#tableEntries.size === 0 && this.#declared().length === 0) return undefined;
    const { functionSites, bytes } = this.#module;
    const writer = new ByteWriter(end - start);
    let from = start;
    for (const at of functionSites.filter((site) => site >= start && site < end)) {
      const reader = new ByteReader(bytes, at, end);
      const index = reader.u32();
      writer.put(bytes.subarray(from, at));
      writer.u32(this.#tableEntries.get(index) ?? index);
      from = reader.at;
    }
    writer.put(bytes.subarray(from, end));
    return writer.written;
  }

  /** Functions whose references are in the code, and which another one stands for where they were named so far. */
  #declared(): number[] {
    return [...this.#calls.references].filter((index) => this.#entries.has(index) || this.#tableEntries.has(index));
  }

  /** Segments of elements, and one that declares functions: code may only refer to those that are named elsewhere. */
  #elements(segments: Uint8Array): Uint8Array {
    const declared = this.#declared();
    if (declared.length === 0) return segments;
    const reader = new ByteReader(segments);
    const writer = new ByteWriter(segments.length);
    writer.u32(reader.u32() + 1);
    writer.put(segments.subarray(reader.at));
    writer.byte(Element.DECLARED, External.FUNCTION);
    writer.u32(declared.length);
    for (const index of declared) writer.u32(index);
    return writer.written;
  }

  #writeNames(contents: Uint8Array): void {
    const first = this.#module.functionTypes.length;
    const importNames = this.#added.map(({ name }, index): [number, string] => [first + index, name]);
    const given = contents.length > 0 ? contents : Uint8Array.of(1, 1, 0);
    const whole = new ByteWriter();
    whole.name("name");
    whole.put(shiftedNames(given, { importNames, shifted: (index) => index }));
    this.#write(Section.CUSTOM, whole.written);
  }

  /** Tells the engine that no check is expected to find something: what it does then stays out of the way. */
  #writeHints(): void {
    if (!this.#layout.hasShadow) return;
    const { importedFunctionCount } = this.#module;
    const hinted = [...this.#bodies.entries()].filter(([, { unlikely }]) => unlikely.length > 0);
    const writer = new ByteWriter();
    writer.name(HINTS);
    writer.u32(hinted.length);
    for (const [defined, { unlikely }] of hinted) {
      writer.u32(importedFunctionCount + defined);
      writer.u32(unlikely.length);
      for (const at of unlikely) {
        writer.u32(at);
        // One byte, which says that the branch is not taken.
        writer.u32(1);
        writer.oneByte(0);
      }
    }
    this.#write(Section.CUSTOM, writer.written);
  }

  #writeCode(): void {
    const code = new ByteWriter(4 * this.#module.bytes.length);
    code.u32(this.#bodies.length + this.#added.length);
    const starts: number[] = [];
    for (const { bytes } of this.#bodies) {
      code.u32(bytes.length);
      starts.push(code.length);
      code.put(bytes);
    }
    const addedAt = code.length;
    for (const { body } of this.#added) code.sized(body);
    const contents = code.written;
    this.#out.byte(Section.CODE);
    this.#out.u32(contents.length);
    const shift = this.#out.length;
    for (const [defined, { parts }] of this.#bodies.entries()) {
      const at = shift + starts[defined]!;
      for (let part = 0; part < parts.starts.length; part++) {
        const origin = parts.origins[part]!;
        if (origin < 0) this.#offsets.addNew(at + parts.starts[part]!, -1 - origin);
        else this.#offsets.add(at + parts.starts[part]!, origin);
      }
    }
    this.#offsets.addNew(shift + addedAt, 0);
    this.#out.put(contents);
  }
}

/** Sections that put functions into tables. */
const TABLE_SECTIONS: readonly number[] = [Section.TABLE, Section.ELEMENT];

function lebOf(value: number): number[] {
  const writer = new ByteWriter();
  writer.u32(value);
  return [...writer.written];
}

/** How many pages a memory has to have so that it has room for the shadow of them. */
function leastPages(layout: CheckLayout): number {
  let pages = 0;
  while (pages * WASM_PAGE_BYTES < layout.shadowAt + shadowBytes(layout, pages * WASM_PAGE_BYTES)) {
    pages = Math.ceil((layout.shadowAt + shadowBytes(layout, pages * WASM_PAGE_BYTES)) / WASM_PAGE_BYTES);
  }
  return pages;
}

/** A memory that is imported has what its maker gives it: looks into the shadow must not end outside of it. */
function requireRoom(module: WasmModule, layout: CheckLayout): void {
  const memory = module.memories[0]!;
  if (memory.isShared) {
    throw new CannotAdopt("threads", "its memory is shared, and a check is for the programs of one thread");
  }
  const least = leastPages(layout);
  const pages = Math.max(memory.initial, least);
  if (pages > MOST_PAGES) {
    const text = `its memory would begin with ${pages} pages, and a check is for no more than ${MOST_PAGES}, 4 GiB`;
    throw new CannotAdopt("no-room", text, { mostPages: MOST_PAGES });
  }
  if (memory.importedAs === undefined || memory.initial >= least) return;
  const text = `it imports a memory of ${memory.initial} pages, and a check needs one of ${least} from the start on`;
  throw new CannotAdopt("no-room", text, { leastPages: least });
}
