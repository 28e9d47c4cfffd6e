import type { Heap } from "../../src/index.ts";
import { heapStats } from "../../src/index.ts";
import {
  AreaWord,
  CACHE_RECORD_WORDS,
  FRAME_RECORD_BYTES,
  FrameKind,
  GROUP_SHIFT,
  Header,
  HeapFlag,
  PAGE_SIZE,
  SLOT_RECORD_BYTES,
  SlotRecord,
  TABLE_LOCATION_WORDS,
  TableLocationWord,
  tableLayout,
  ZONE_RECORD_WORDS,
} from "../../src/layout.ts";

/** A stretch of free pages as the buddy lists hold it. */
export interface FreeBlock {
  readonly frame: number;
  readonly order: number;
}

/** Reads and writes the tables of a heap by their published layout alone, as a tool or a stray write would. */
export class Peek {
  readonly #heap: Heap;
  readonly base: number;

  constructor(heap: Heap) {
    this.#heap = heap;
    this.base = heapStats(heap).startAddress;
  }

  get words(): Int32Array {
    return new Int32Array(this.#heap.buffer, 0, Math.floor(this.#heap.buffer.byteLength / 4));
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#heap.buffer);
  }

  header(field: number): number {
    return this.words[this.headerWord(field)] >>> 0;
  }

  headerWord(field: number): number {
    return this.base / 4 + field;
  }

  get baseFrame(): number {
    return this.base / PAGE_SIZE;
  }

  get firstPageFrame(): number {
    return this.header(Header.FIRST_PAGE_FRAME);
  }

  get endFrame(): number {
    return this.header(Header.END_FRAME);
  }

  /** Addresses of the tables of frames, kinds, groups and tags; where they move, of those that hold now. */
  get #tables(): { frames: number; kinds: number; groups: number; tags: number } {
    if ((this.header(Header.FLAGS) & HeapFlag.MOVING_TABLES) === 0) {
      const [frames, kinds] = [this.header(Header.FRAME_TABLE), this.header(Header.KIND_TABLE)];
      return { frames, kinds, groups: this.header(Header.GROUP_TABLE), tags: this.header(Header.TAG_TABLE) };
    }
    const place = Header.TABLE_LOCATIONS + (this.header(Header.TABLE_MOVES) & 1) * TABLE_LOCATION_WORDS;
    const frames = this.header(place + TableLocationWord.FRAME) * PAGE_SIZE;
    const { kinds, groups, tags } = tableLayout(this.baseFrame, this.header(place + TableLocationWord.END_FRAME));
    return { frames, kinds: frames + kinds, groups: frames + groups, tags: frames + tags };
  }

  /** Index in `words` of a field of a frame's record. */
  frameWord(frame: number, field: number): number {
    return (this.#tables.frames + (frame - this.baseFrame) * FRAME_RECORD_BYTES) / 4 + field;
  }

  frame(frame: number, field: number): number {
    return this.words[this.frameWord(frame, field)];
  }

  /** Index in `bytes` of a frame's kind. */
  kindByte(frame: number): number {
    return this.#tables.kinds + frame - this.baseFrame;
  }

  kind(frame: number): number {
    return this.bytes[this.kindByte(frame)];
  }

  /** Index in `words` of what is noted of the group that a frame lies in. */
  groupWord(frame: number): number {
    return this.#tables.groups / 4 + (frame >>> GROUP_SHIFT) - (this.baseFrame >>> GROUP_SHIFT);
  }

  /** Index in `bytes` of the tag of an address. */
  tagByte(address: number): number {
    return this.#tables.tags + Math.floor((address - this.base) / 16);
  }

  tag(address: number): number {
    return this.bytes[this.tagByte(address)];
  }

  /** Index in `words` of a field of a cache's record, by the kind of its frames. */
  cacheWord(kind: number, field: number): number {
    return this.header(Header.CACHE_TABLE) / 4 + (kind - FrameKind.FIRST_CACHE) * CACHE_RECORD_WORDS + field;
  }

  cache(kind: number, field: number): number {
    return this.words[this.cacheWord(kind, field)];
  }

  zoneWord(zone: number, field: number): number {
    return this.header(Header.ZONE_TABLE) / 4 + zone * ZONE_RECORD_WORDS + field;
  }

  zone(zone: number, field: number): number {
    return this.words[this.zoneWord(zone, field)];
  }

  slotWord(slot: number, field: number): number {
    return (this.header(Header.SLOT_TABLE) + slot * SLOT_RECORD_BYTES) / 4 + field;
  }

  /** Index in `words` of the private pages of slot 0. */
  get areaWord(): number {
    return (this.words[this.slotWord(0, SlotRecord.AREA)] >>> 0) / 4;
  }

  /** Index in `words` of the word that says where the top of a kind's sheaf is. */
  topWord(kind: number): number {
    return this.areaWord + AreaWord.TOPS + kind;
  }

  /** Addresses in the sheaf of a kind, top first. */
  sheaf(kind: number): number[] {
    const { words } = this;
    const entries: number[] = [];
    for (let word = words[this.topWord(kind)]; words[word] >>> 0 !== this.base; word--) entries.push(words[word] >>> 0);
    return entries;
  }

  /** The kind of the frame that an address lies in. */
  kindAt(address: number): number {
    return this.kind(Math.floor(address / PAGE_SIZE));
  }

  /** Every free block in address order. */
  freeBlocks(): FreeBlock[] {
    const blocks: FreeBlock[] = [];
    for (let frame = this.firstPageFrame; frame < this.endFrame; frame++) {
      if (this.kind(frame) === FrameKind.FREE_HEAD) blocks.push({ frame, order: this.frame(frame, 2) });
    }
    return blocks;
  }
}
