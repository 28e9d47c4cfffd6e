import { Heap, heapStats } from "kmem";
import {
  CACHE_COUNT_MAX,
  CACHE_RECORD_WORDS,
  FRAME_RECORD_BYTES,
  FrameKind,
  GRANULE,
  HEADER_WORDS,
  Header,
  KIND_COUNT,
  PAGE_SIZE,
  RunKind,
  SLOT_RECORD_BYTES,
  WORD_BYTES,
  ZONE_COUNT,
  ZONE_RECORD_WORDS,
} from "kmem/layout";
import { Drawing, type Look } from "./svg.ts";

const EXAMPLE_BYTES = 16 * 2 ** 20;
const KIB = 1024;

/** A heap of an example's size, its header's words, and its figures. */
function exampleHeap(): { readonly header: Int32Array; readonly metadataBytes: number } {
  const heap = Heap.create({ sizeBytes: EXAMPLE_BYTES });
  return { header: new Int32Array(heap.buffer, 0, HEADER_WORDS), metadataBytes: heapStats(heap).bytes.metadataBytes };
}

function sizeText(bytes: number): string {
  return bytes < KIB ? `${bytes} B` : `${Number((bytes / KIB).toFixed(1))} KiB`;
}

const TABLES: readonly (readonly [name: string, field: keyof typeof Header, unit: string])[] = [
  ["zones", "ZONE_TABLE", `${ZONE_COUNT} × ${ZONE_RECORD_WORDS * WORD_BYTES} B`],
  ["slots", "SLOT_TABLE", `${SLOT_RECORD_BYTES} B each`],
  ["caches", "CACHE_TABLE", `${CACHE_COUNT_MAX} × ${CACHE_RECORD_WORDS * WORD_BYTES} B`],
  ["frames", "FRAME_TABLE", `${FRAME_RECORD_BYTES} B a page`],
  ["kinds", "KIND_TABLE", "1 B a page"],
  ["groups", "GROUP_TABLE", "4 B for 64 pages"],
  ["tags", "TAG_TABLE", `1 B for ${GRANULE} B`],
];

/** The whole buffer of a heap of 16 MiB, from its own header. */
export function bufferDrawing(): string {
  const { header, metadataBytes } = exampleHeap();
  const starts = TABLES.map(([name, field, unit]) => ({ name, unit, start: header[Header[field]]! }));
  const parts = [
    { name: "header", unit: `${HEADER_WORDS} words`, start: 0 },
    ...starts.toSorted((one, other) => one.start - other.start),
    { name: "pages", unit: `${PAGE_SIZE} B each`, start: metadataBytes },
  ];
  const drawing = new Drawing({
    title: "The buffer of a heap of 16 MiB",
    description: `From byte 0 on: ${parts.map(({ name, start }) => `${name} at ${start}`).join(", ")}.`,
  });
  const [left, top, width, height, columns] = [20, 60, 150, 74, 5];
  drawing.text(left, 24, "A heap of 16 MiB, by its own header", { look: "strong", from: "start" });
  for (const [index, { name, unit, start }] of parts.entries()) {
    const end = parts[index + 1]?.start ?? EXAMPLE_BYTES;
    const [x, y] = [left + (index % columns) * width, top + Math.floor(index / columns) * (height + 40)];
    const look: Look = name === "pages" ? "free" : name === "header" ? "mark" : "table";
    drawing.box([x, y, width, height], look, [name, sizeText(end - start), unit]);
    drawing.text(x + 2, y - 10, `byte ${start.toLocaleString("en-US")}`, { look: "small", from: "start" });
  }
  const percent = ((metadataBytes / EXAMPLE_BYTES) * 100).toFixed(1);
  const stay = "Where threads share it they never move: pages that will come have their rows already.";
  const note = `Tables: ${percent} % of the memory. ${stay}`;
  drawing.text(left, 286, note, { look: "small", from: "start" });
  return drawing.svg(left * 2 + width * columns, 306);
}

const RUN_NOTES: readonly (readonly [keyof typeof RunKind, string])[] = [
  ["PAGES", "heap.pages"],
  ["LARGE_BLOCK", "large blocks"],
  ["SYSTEM", "slots' own"],
  ["BUCKET", "buckets"],
  ["VMALLOC", "virtual areas"],
  ["CACHED", "pcp lists"],
];

/** What a page can be, with the bytes of the kind table. */
export function framesDrawing(): string {
  const { ABSENT, RESERVED, FREE_HEAD, FREE_TAIL, FIRST_CACHE } = FrameKind;
  const drawing = new Drawing({
    title: "The kinds of a page",
    description:
      `Each page has a byte in the kind table. ${ABSENT} is absent, ${RESERVED} reserved, ${FREE_HEAD} and ` +
      `${FREE_TAIL} are free; a run of pages has a kind for its first page and one for the others, by its owner: ` +
      `${RUN_NOTES.map(([name]) => `${name} ${RunKind[name]}`).join(", ")}. From ${FIRST_CACHE} to ${KIND_COUNT - 1} ` +
      "it is a page of a slab, and says of which cache.",
  });
  drawing.box([20, 50, 130, 54], "plain", [`absent = ${ABSENT}`, "until growth"]);
  drawing.box([20, 190, 130, 54], "mark", [`reserved = ${RESERVED}`, "tables, others' pages"]);
  drawing.box([240, 50, 170, 54], "free", [`free = ${FREE_HEAD}, ${FREE_TAIL} …`, "2^order pages, in a list"]);
  drawing.box([240, 190, 170, 54], "table", [`slab = ${FIRST_CACHE} … ${KIND_COUNT - 1}`, "which cache it is of"]);
  drawing.arrow([150, 77], [238, 77]);
  drawing.text(194, 64, "growth", { look: "small" });
  drawing.arrow([410, 67], [494, 67]);
  drawing.arrow([494, 90], [412, 90]);
  drawing.text(455, 54, "allocate", { look: "small" });
  drawing.text(455, 106, "free any part", { look: "small" });
  for (const [index, [name, note]] of RUN_NOTES.entries()) {
    const [x, y] = [496 + (index % 2) * 150, 40 + Math.floor(index / 2) * 52];
    drawing.box([x, y, 144, 46], "live", [`${name} ${RunKind[name]}, ${RunKind[name] + 1} …`, note]);
  }
  drawing.text(636, 212, "a run: head, tail, tail …", { look: "small" });
  drawing.arrow([566, 226], [412, 226]);
  drawing.text(524, 240, "a slab takes a run, and gives it back", { look: "small" });
  drawing.text(20, 24, "What a page can be: a byte of the kind table", { look: "strong", from: "start" });
  return drawing.svg(800, 270);
}
