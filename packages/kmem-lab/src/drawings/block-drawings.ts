import { Heap } from "kmem";
import {
  AreaWord,
  BARN_CAPACITY_FACTOR,
  CACHE_RECORD_WORDS,
  CacheRecord,
  classBytes,
  GRANULE,
  Header,
  PAGE_SIZE,
  SENTINEL_WORDS,
  Tag,
  WORD_BYTES,
} from "kmem/layout";
import { Drawing, type Look } from "./svg.ts";

const CLASS_INDEX = 6;
/** Of more blocks than that a drawing would show nothing. */
const SHOWN_BLOCKS = 6;

/** The record of a size class in a heap that has used it. */
function cacheRecord(index: number): (field: keyof typeof CacheRecord) => number {
  const heap = Heap.create({ sizeBytes: 16 * 2 ** 20 });
  heap.alloc(classBytes(index));
  const words = new Int32Array(heap.buffer);
  const record = words[Header.CACHE_TABLE]! / WORD_BYTES + index * CACHE_RECORD_WORDS;
  return (field) => words[record + CacheRecord[field]]!;
}

interface Shown {
  readonly name: string;
  readonly tag: number;
  readonly note: string;
  readonly look: Look;
}

const BLOCKS: readonly Shown[] = [
  { name: "live", tag: 1, note: "slot 0's", look: "live" },
  { name: "live", tag: 3, note: "slot 2's", look: "live" },
  { name: "free", tag: Tag.IN_SLAB, note: "in its slab", look: "free" },
  { name: "free", tag: Tag.FIRST_CACHED, note: "in slot 0's sheaf", look: "free" },
  { name: "free", tag: Tag.IN_BARN, note: "in the barn", look: "free" },
  { name: "live", tag: 1, note: "slot 0's", look: "live" },
];

/** A slab of one size class, with the tags of its blocks. */
export function slabDrawing(): string {
  const field = cacheRecord(CLASS_INDEX);
  const [blockBytes, blocks, pages] = [field("BLOCK_BYTES"), field("SLAB_BLOCKS"), field("SLAB_PAGES")];
  const restBytes = pages * PAGE_SIZE - blocks * blockBytes;
  const drawing = new Drawing({
    title: `A slab of kmalloc-${blockBytes}`,
    description:
      `${pages} page${pages === 1 ? "" : "s"} cut into ${blocks} blocks of ${blockBytes} bytes. A byte of the tag ` +
      `table says of each block whose it is: ${BLOCKS.map(({ tag, note }) => `${tag} ${note}`).join(", ")}.`,
  });
  const [left, top, width, height] = [20, 60, 104, 50];
  const sizes = `${blocks} blocks in ${pages * PAGE_SIZE} bytes`;
  const heading = `A slab of kmalloc-${blockBytes}: ${sizes}, ${restBytes} left over`;
  drawing.text(left, 24, heading, { look: "strong", from: "start" });
  for (const [index, { name, tag, note, look }] of BLOCKS.slice(0, SHOWN_BLOCKS).entries()) {
    const x = left + index * width;
    drawing.box([x, top, width, height], look, [name, note]);
    drawing.box([x + 32, top + height + 34, 40, 30], look, [String(tag)]);
    drawing.arrow([x + 52, top + height + 34], [x + 52, top + height + 3]);
  }
  drawing.box([left + SHOWN_BLOCKS * width, top, 60, height], "plain", ["…"]);
  drawing.box([left + SHOWN_BLOCKS * width + 60, top, 56, height], "plain", ["rest"]);
  drawing.text(left, 196, `Tags: a byte for each ${GRANULE} bytes; ${Tag.NONE} where no block starts.`, {
    look: "small",
    from: "start",
  });
  return drawing.svg(800, 216);
}

/** A slot's sheaf of one size class, and the two ways in and out. */
export function sheafDrawing(): string {
  const capacity = cacheRecord(CLASS_INDEX)("CAPACITY");
  const blockBytes = classBytes(CLASS_INDEX);
  const drawing = new Drawing({
    title: `A sheaf of kmalloc-${blockBytes}`,
    description:
      `A stack of ${capacity} addresses of free blocks between two sentinels, EMPTY below and FULL above. The word ` +
      "TOPS + kind holds the index of its top. Alloc takes the entry at the top, free writes one above it. An empty " +
      `sheaf is refilled from, and a full one flushed to, the barn, which holds ${BARN_CAPACITY_FACTOR} sheaves, and the slabs.`,
  });
  const [left, top, width, height] = [20, 70, 92, 46];
  const counts = `${capacity} entries and ${SENTINEL_WORDS} sentinels`;
  const heading = `A sheaf of kmalloc-${blockBytes}: ${counts}, in a slot's own pages`;
  drawing.text(left, 24, heading, { look: "strong", from: "start" });
  const entries: readonly (readonly [string, Look])[] = [
    ["EMPTY", "mark"],
    ["block", "free"],
    ["block", "free"],
    ["block", "free"],
    ["room", "plain"],
    ["room", "plain"],
    ["FULL", "mark"],
  ];
  for (const [index, [name, look]] of entries.entries()) {
    drawing.box([left + index * width, top, width, height], look, [name]);
  }
  const topX = left + 3.5 * width;
  drawing.box([left + 2.6 * width, 190, 1.8 * width, 46], "table", [
    "the index of the top",
    `word ${AreaWord.TOPS} + kind of the area`,
  ]);
  drawing.arrow([topX, 190], [topX, top + height + 4]);
  drawing.arrow([topX - 10, top - 4], [topX - 10, 44]);
  drawing.text(topX - 18, 54, "alloc: pop", { look: "small", from: "end" });
  drawing.arrow([topX + width, 44], [topX + width, top - 4]);
  drawing.text(topX + width + 8, 54, "free: push", { look: "small", from: "start" });
  drawing.box([690, 40, 96, 44], "table", ["barn", `${BARN_CAPACITY_FACTOR} sheaves`]);
  drawing.box([690, 190, 96, 46], "table", ["slabs", "under a lock"]);
  drawing.arrow([664, 80], [688, 66]);
  drawing.arrow([738, 84], [738, 188]);
  drawing.text(676, 140, "half at a time", { look: "small", from: "end" });
  return drawing.svg(806, 254);
}
