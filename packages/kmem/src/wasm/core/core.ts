import {
  GRANULE_MASK,
  GRANULE_SHIFT,
  PAGE_SHIFT,
  WASM_PAGE_SIZE,
  WORD_BYTES,
  WORD_SHIFT,
} from "../../memory/layout.ts";
import { FrameKind } from "../../pages/layout.ts";
import { AreaWord, FULL, REMOTE_CLASS_COUNT, Tag } from "../../slab/layout.ts";
import { MAX_CLASS_BYTES } from "../../slab/size-classes.ts";
import type { CFunctionName } from "../allocator/roles.ts";
import {
  type Assembler,
  add,
  and,
  atLeast,
  block,
  type Code,
  call,
  equal,
  get,
  global,
  isZero,
  Locals,
  leadingZeros,
  memoryPages,
  type Operand,
  or,
  returned,
  select,
  set,
  shiftLeft,
  shiftRight,
  sub,
  tee,
  unequal,
} from "../binary/assembler.ts";
import { type CoreGlobalName, coreGlobals } from "./layout.ts";

/** The first kind without a remote sheaf. */
const REMOTE_KIND_END: number = FrameKind.FIRST_CACHE + REMOTE_CLASS_COUNT;
/** Bytes from the tops of a slot's sheaves to those of its remote sheaves. */
const REMOTE_TOPS_BYTES: number = (AreaWord.REMOTE_TOPS - AreaWord.TOPS) * WORD_BYTES;
/** Bytes from the first top to that of the first size class. */
const CLASS_TOPS_BYTES: number = FrameKind.FIRST_CACHE * WORD_BYTES;
/** The cached tag of a slot less its live tag. */
const SHEAF_TAG: number = Tag.FIRST_CACHED - 1;
/** log2 of the size classes from one power of two to the next, and of the words in a page of WebAssembly. */
const STEPS_SHIFT = 3;
const PAGE_WORDS_SHIFT: number = Math.log2(WASM_PAGE_SIZE / WORD_BYTES);

/** The greatest word that is not negative. */
const SIGNED_MAX = 0x7fff_ffff;

/** What the fast paths are written for. */
export interface CoreContext {
  readonly assembler: Assembler;
  /** The index of the first of the core's globals. */
  readonly firstGlobal: number;
  /** The index of an imported function of C. */
  readonly importIndexOf: (name: CFunctionName) => number;
  /** The index of the core's own malloc, if it has one. */
  readonly mallocIndex: number | undefined;
  /** Whether threads share the memory: then no table ever moves, however the memory grows. */
  readonly isShared: boolean;
  /** Whether malloc, calloc and a realloc that moves count, as the `alloc` of a `SampledHeap`. */
  readonly isCounted: boolean;
}

/** Locals with what `find` has found: a block on top of its sheaf. */
export interface FoundBlock {
  /** Where the index of the top entry stands, from the word of the first class on. */
  readonly topAt: number;
  /** The index of the top entry. */
  readonly top: number;
  readonly address: number;
  /** Where the block's tag stands. */
  readonly tagAt: number;
}

/**
 * The two paths of slab/fast-path.ts as WebAssembly: the same loads, tests and stores in the same order, over the same
 * layout. Two things differ. An access outside of the memory would trap where a view of JavaScript answers with
 * undefined, so addresses are compared with where the heap ends, and tops with where the memory does. And since no view
 * is detached when the memory grows, the pages that it had when the heap was bound are compared with those that it has.
 */
export class CorePaths {
  readonly context: CoreContext;
  readonly assembler: Assembler;

  constructor(context: CoreContext) {
    this.context = context;
    this.assembler = context.assembler;
  }

  global(name: CoreGlobalName): Code {
    return global(this.context.firstGlobal + coreGlobals(this.context.isCounted).indexOf(name));
  }

  get cachedTag(): Code {
    return add(this.global("live_tag"), SHEAF_TAG);
  }

  /** Words of the memory; valid indexes are below it. */
  get wordCount(): Code {
    return shiftLeft(memoryPages, PAGE_WORDS_SHIFT);
  }

  slow(name: CFunctionName, ...args: readonly number[]): Code {
    return call(this.context.importIndexOf(name), ...args.map(get));
  }

  /** Leaves for the slow path where the memory has grown: tables may have moved. The slow path binds the core again. */
  get leaveIfGrown(): Code {
    if (this.context.isShared) return [];
    return this.assembler.leaveIf(unequal(memoryPages, this.global("pages")));
  }

  /** Sets a local to the bytes from the heap's start to an address; leaves for one that is not the heap's. */
  offsetOf(offset: number, address: Operand): Code {
    return this.assembler.leaveIf(atLeast(tee(offset, sub(address, this.global("base"))), this.global("size")));
  }

  /** Sets a local to the address of the tag of the granule that lies so many bytes from the heap's start. */
  tagAt(tagAt: number, offset: number): Code {
    return tee(tagAt, add(this.global("tags"), shiftRight(get(offset), GRANULE_SHIFT)));
  }

  /** The kind of the frame that lies so many bytes from the heap's start. */
  kindAt(offset: number): Code {
    return this.assembler.load8(add(this.global("kinds"), shiftRight(get(offset), PAGE_SHIFT)));
  }

  /** Sets `topAt` for a size: sizes of no class leave, 0 too. Classes are those of slab/size-classes.ts. */
  #topOf(locals: Locals, topAt: number, size: number): Code {
    const last = locals.next();
    const doubling = locals.next();
    const firstStep = 1 << STEPS_SHIFT;
    return [
      ...this.assembler.leaveIf(atLeast(tee(last, sub(get(size), 1)), MAX_CLASS_BYTES)),
      ...set(last, shiftRight(get(last), GRANULE_SHIFT)),
      ...set(doubling, sub(Math.clz32(firstStep), leadingZeros(or(get(last), firstStep)))),
      ...set(last, add(shiftLeft(get(doubling), STEPS_SHIFT), shiftRight(get(last), get(doubling)))),
      ...set(topAt, add(this.global("tops"), shiftLeft(get(last), WORD_SHIFT))),
    ];
  }

  /** Finds the block on top of the sheaf for the size in a local; leaves where there is none. */
  find(locals: Locals, size: number): { readonly found: FoundBlock; readonly code: Code } {
    const { assembler } = this;
    const [topAt, top, address, tagAt] = [locals.next(), locals.next(), locals.next(), locals.next()];
    const offset = locals.next();
    const code = [
      ...this.leaveIfGrown,
      ...this.#topOf(locals, topAt, size),
      ...assembler.leaveIf(atLeast(tee(top, assembler.load(get(topAt), CLASS_TOPS_BYTES)), this.wordCount)),
      ...this.offsetOf(offset, tee(address, assembler.load(shiftLeft(get(top), WORD_SHIFT)))),
      ...assembler.leaveIf(unequal(assembler.load8(this.tagAt(tagAt, offset)), this.cachedTag)),
    ];
    return { found: { topAt, top, address, tagAt }, code };
  }

  /** Leaves for the slow path where the next allocation is the one to be sampled. */
  get leaveIfSampled(): Code {
    const { assembler } = this;
    // Below 2 as a signed number: whatever a stray write leaves there, the slow path sets it right.
    const isLast = atLeast(sub(assembler.load(this.global("count")), 2), SIGNED_MAX - 1);
    return this.context.isCounted ? assembler.leaveIf(isLast) : [];
  }

  /** Counts an allocation. */
  get counted(): Code {
    const { assembler } = this;
    const [at, count] = [this.global("count"), assembler.load(this.global("count"))];
    return this.context.isCounted ? assembler.store(at, sub(count, 1)) : [];
  }

  /** Takes a block that was found. */
  pop({ topAt, top, tagAt }: FoundBlock): Code {
    return [
      ...this.assembler.store(get(topAt), sub(get(top), 1), CLASS_TOPS_BYTES),
      ...this.assembler.store8(get(tagAt), this.global("live_tag")),
    ];
  }

  /** Finds room on a sheaf or in a remote sheaf, whose top stands at an address; leaves where there is none. */
  findRoom(room: number, roomAt: number, topAt: Operand): Code {
    const { assembler } = this;
    return [
      ...assembler.leaveIf(atLeast(tee(room, add(assembler.load(topAt), 1)), this.wordCount)),
      ...assembler.leaveIf(equal(assembler.load(tee(roomAt, shiftLeft(get(room), WORD_SHIFT))), FULL)),
    ];
  }

  malloc(): Uint8Array {
    const locals = new Locals(1);
    const size = 0;
    const { found, code } = this.find(locals, size);
    return locals.body(
      block(code, this.leaveIfSampled, this.counted, this.pop(found), returned(get(found.address))),
      this.slow("malloc", size),
    );
  }

  free(): Uint8Array {
    const { assembler } = this;
    const locals = new Locals(1);
    const address = 0;
    const [offset, tagAt, tag, kind] = [locals.next(), locals.next(), locals.next(), locals.next()];
    const [topAt, room, roomAt] = [locals.next(), locals.next(), locals.next()];
    const isForSheaf = or(equal(get(tag), this.global("live_tag")), atLeast(get(kind), REMOTE_KIND_END));
    const tops = add(this.global("tops"), select(isForSheaf, 0, REMOTE_TOPS_BYTES));
    return locals.body(
      block(
        this.leaveIfGrown,
        this.offsetOf(offset, get(address)),
        assembler.leaveIf(atLeast(sub(tee(tag, assembler.load8(this.tagAt(tagAt, offset))), 1), Tag.LIVE_MAX)),
        assembler.leaveIf(and(get(offset), GRANULE_MASK)),
        set(kind, this.kindAt(offset)),
        set(topAt, add(tops, shiftLeft(get(kind), WORD_SHIFT))),
        this.findRoom(room, roomAt, get(topAt)),
        assembler.store(get(roomAt), get(address)),
        assembler.store8(get(tagAt), this.cachedTag),
        assembler.store(get(topAt), get(room)),
        returned(),
      ),
      assembler.returnIf(isZero(get(address))),
      this.slow("free", address),
    );
  }
}
