import { GRANULE, GRANULE_MASK, GRANULE_SHIFT, WORD_BYTES, WORD_SHIFT } from "../../memory/layout.ts";
import { FrameKind } from "../../pages/layout.ts";
import { Tag } from "../../slab/layout.ts";
import { CLASS_COUNT, MAX_CLASS_BYTES } from "../../slab/size-classes.ts";
import type { CFunctionName } from "../allocator/roles.ts";
import {
  add,
  and,
  atLeast,
  atMost,
  block,
  type Code,
  call,
  constant64,
  equal,
  get,
  greater,
  greater64,
  isZero,
  Locals,
  less,
  mul,
  mul64,
  oneBits,
  or,
  returned,
  select,
  set,
  shiftLeft,
  shiftRight,
  sub,
  tee,
  unequal,
  widened,
} from "../binary/assembler.ts";
import { type CoreContext, CorePaths } from "./core.ts";

/** Up to so many bytes are cleared by a loop, faster than by a call of the engine's own function. */
const LOOP_MAX_BYTES = 64;
const DOUBLE_BYTES = 8;
/** log2 of the classes to a doubling. */
const STEPS_SHIFT = 3;
const STEPS: number = 1 << STEPS_SHIFT;

/** The rest of malloc's family: slab/fast-variants.ts as WebAssembly, and the size of a block. */
class CoreFamily extends CorePaths {
  calloc(): Uint8Array {
    const { assembler } = this;
    const locals = new Locals(2);
    const [count, size] = [0, 1];
    const [total, at, end] = [locals.next(), locals.next(), locals.next()];
    const { found, code } = this.find(locals, total);
    const [address, cleared] = [get(found.address), and(add(get(total), GRANULE_MASK), -GRANULE)];
    return locals.body(
      block(
        assembler.leaveIf(greater64(mul64(widened(get(count)), widened(get(size))), constant64(MAX_CLASS_BYTES))),
        set(total, mul(get(count), get(size))),
        code,
        this.leaveIfSampled,
        this.counted,
        this.pop(found),
        assembler.when(greater(get(total), LOOP_MAX_BYTES), assembler.fill(address, 0, cleared), returned(address)),
        set(end, add(tee(at, address), cleared)),
        assembler.repeatWhile(
          unequal(get(at), get(end)),
          assembler.store64(get(at), constant64(0)),
          assembler.store64(get(at), constant64(0), DOUBLE_BYTES),
          set(at, add(get(at), GRANULE)),
        ),
        returned(address),
      ),
      this.slow("calloc", count, size),
    );
  }

  realloc(): Uint8Array {
    const { assembler } = this;
    const locals = new Locals(2);
    const [address, size] = [0, 1];
    const [offset, tagAt, index, blockBytes] = [locals.next(), locals.next(), locals.next(), locals.next()];
    const [kept, roomTopAt, room, roomAt] = [locals.next(), locals.next(), locals.next(), locals.next()];
    const { found, code } = this.find(locals, size);
    const isSmallest = equal(get(blockBytes), GRANULE);
    const isHalfFull = or(atLeast(get(size), shiftRight(get(blockBytes), 1)), isSmallest);
    const classTops = add(this.global("tops"), FrameKind.FIRST_CACHE * WORD_BYTES);
    return locals.body(
      block(
        this.leaveIfGrown,
        this.offsetOf(offset, get(address)),
        assembler.leaveIf(unequal(assembler.load8(this.tagAt(tagAt, offset)), this.global("live_tag"))),
        assembler.leaveIf(and(get(offset), GRANULE_MASK)),
        this.#classAt(index, offset),
        set(blockBytes, bytesOfClass(index)),
        assembler.leaveIf(isZero(get(size))),
        assembler.returnIf(and(atMost(get(size), get(blockBytes)), isHalfFull), get(address)),
        // A block that becomes smaller is not counted, and left to the slow path where others are.
        this.context.isCounted ? assembler.leaveIf(less(get(size), get(blockBytes))) : [],
        set(kept, select(less(get(size), get(blockBytes)), get(size), get(blockBytes))),
        code,
        this.leaveIfSampled,
        this.findRoom(room, roomAt, tee(roomTopAt, add(classTops, shiftLeft(get(index), WORD_SHIFT)))),
        this.counted,
        this.pop(found),
        assembler.copy(get(found.address), get(address), get(kept)),
        assembler.store(get(roomAt), get(address)),
        assembler.store8(get(tagAt), this.cachedTag),
        assembler.store(get(roomTopAt), get(room)),
        returned(get(found.address)),
      ),
      this.#mallocAtNull(address, size),
      this.slow("realloc", address, size),
    );
  }

  /** Alignments up to a granule, which every block has. */
  aligned(name: "aligned_alloc" | "memalign"): Uint8Array {
    const locals = new Locals(2);
    const [alignment, size] = [0, 1];
    const { found, code } = this.find(locals, size);
    const isLarge = greater(get(alignment), GRANULE);
    const isOther = name === "memalign" ? isLarge : or(isLarge, unequal(oneBits(get(alignment)), 1));
    return locals.body(
      block(this.assembler.leaveIf(isOther), code, this.pop(found), returned(get(found.address))),
      this.slow(name, alignment, size),
    );
  }

  usableSize(): Uint8Array {
    const { assembler } = this;
    const locals = new Locals(1);
    const address = 0;
    const [offset, tagAt, index] = [locals.next(), locals.next(), locals.next()];
    return locals.body(
      block(
        this.leaveIfGrown,
        this.offsetOf(offset, get(address)),
        assembler.leaveIf(atLeast(sub(assembler.load8(this.tagAt(tagAt, offset)), 1), Tag.LIVE_MAX)),
        assembler.leaveIf(and(get(offset), GRANULE_MASK)),
        this.#classAt(index, offset),
        returned(bytesOfClass(index)),
      ),
      this.slow("malloc_usable_size", address),
    );
  }

  /** Sets a local to the size class of the frame so many bytes from the heap's start; leaves for frames of none. */
  #classAt(index: number, offset: number): Code {
    return this.assembler.leaveIf(atLeast(tee(index, sub(this.kindAt(offset), FrameKind.FIRST_CACHE)), CLASS_COUNT));
  }

  #mallocAtNull(address: number, size: number): Code {
    const { mallocIndex } = this.context;
    if (mallocIndex === undefined) return [];
    return this.assembler.returnIf(isZero(get(address)), call(mallocIndex, get(size)));
  }
}

/** Bytes of the blocks of a size class, whose number a local holds: `classBytes` of slab/size-classes.ts. */
function bytesOfClass(index: number): Code {
  const step = add(and(get(index), STEPS - 1), STEPS + 1);
  const doubling = sub(shiftRight(get(index), STEPS_SHIFT), 1);
  const granules = select(less(get(index), STEPS), add(get(index), 1), shiftLeft(step, doubling));
  return shiftLeft(granules, GRANULE_SHIFT);
}

/** The body of a function of C with a heap's fast path, which calls the import for all else. */
export function coreBody(name: CFunctionName, context: CoreContext): Uint8Array {
  const paths = new CoreFamily(context);
  switch (name) {
    case "malloc":
      return paths.malloc();
    case "free":
      return paths.free();
    case "calloc":
      return paths.calloc();
    case "realloc":
      return paths.realloc();
    case "malloc_usable_size":
      return paths.usableSize();
    case "aligned_alloc":
    case "memalign":
      return paths.aligned(name);
    default:
      throw new RangeError(`there is no fast path of ${name}`);
  }
}
