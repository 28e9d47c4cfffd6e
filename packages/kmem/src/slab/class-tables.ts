import { GRANULE, GRANULE_SHIFT, PAGE_SHIFT } from "../memory/layout.ts";
import { FrameKind, KIND_COUNT } from "../pages/layout.ts";
import { CLASS_COUNT, classBySize, classBytes } from "./size-classes.ts";

/** log2 of the largest alignment in granules: a page. */
export const ALIGNMENT_SHIFT_MAX: number = PAGE_SHIFT - GRANULE_SHIFT;
/** log2 of the entries for one alignment in {@link ClassTables.kindByAlignment}. */
export const KIND_SHIFT: number = Math.log2(KIND_COUNT);

/** What the fast paths look up of the size classes, by the kind of their frames. Only to be read. */
export interface ClassTables {
  /** The kind of the smallest class for every size in granules. */
  readonly kindBySize: Uint8Array<ArrayBuffer>;
  /** Bytes of the blocks of each kind; 0 for kinds that are no size class. */
  readonly bytesByKind: Int32Array<ArrayBuffer>;
  /** For log2 of an alignment in granules, and a kind: the kind of the first class from there on that is aligned so. */
  readonly kindByAlignment: Uint8Array<ArrayBuffer>;
}

let shared: ClassTables | undefined;

/** The tables, made when they are first asked for: a heap that grows binds its fast paths again and again. */
export function classTables(): ClassTables {
  shared ??= {
    kindBySize: classBySize().map((index) => index + FrameKind.FIRST_CACHE),
    bytesByKind: bytesOfKinds(),
    kindByAlignment: alignedKinds(),
  };
  return shared;
}

function bytesOfKinds(): Int32Array<ArrayBuffer> {
  const table = new Int32Array(KIND_COUNT);
  for (let index = 0; index < CLASS_COUNT; index++) table[FrameKind.FIRST_CACHE + index] = classBytes(index);
  return table;
}

function alignedKinds(): Uint8Array<ArrayBuffer> {
  const table = new Uint8Array((ALIGNMENT_SHIFT_MAX + 1) * KIND_COUNT);
  for (let shift = 0; shift <= ALIGNMENT_SHIFT_MAX; shift++) {
    let aligned = CLASS_COUNT - 1;
    for (let index = CLASS_COUNT - 1; index >= 0; index--) {
      if (classBytes(index) % (GRANULE << shift) === 0) aligned = index;
      table[shift * KIND_COUNT + FrameKind.FIRST_CACHE + index] = FrameKind.FIRST_CACHE + aligned;
    }
  }
  return table;
}
