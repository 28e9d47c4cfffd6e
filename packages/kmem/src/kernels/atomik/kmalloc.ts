import { describeValue } from "../../memory/arguments.ts";
import { hex } from "../../memory/errors.ts";
import { WORD_SHIFT } from "../../memory/layout.ts";
import type { LinearMemory } from "../../memory/memory.ts";
import { chunksOf } from "../../region/check.ts";
import {
  BLOCK_BYTES,
  BLOCK_MASK,
  CHUNK_CANARY,
  MIN_REGION_BYTES,
  REGION_GONE,
  REGION_MAGIC,
  RegionHeader,
} from "../../region/layout.ts";
import {
  allocateFirst,
  allocateWorst,
  createRegion,
  endRegion,
  isLargeEnough,
  isRegion,
  release,
} from "../../region/region.ts";
import { type FreeFault, freeFault } from "../../region/verify.ts";

const NULL = 0;
const HEX_DIGITS = 8;

/** A word as %x prints it. */
function hexWord(word: number): string {
  return `0x${(word >>> 0).toString(16).padStart(HEX_DIGITS, "0")}`;
}

function isByteAddress(value: unknown): value is number {
  return typeof value === "number" && value >>> 0 === value;
}

/** What kmalloc asks of what lies below it. Bytes are from a first to a last one, both included. */
export interface RegionGround {
  /** The address of a page in these bytes that nobody may use, 0 for none. */
  pageWithoutOwner(start: number, end: number): number;
  /** Says that a region was made in these bytes. */
  noteRegion(start: number, end: number): void;
  /** Whether the heap that the memory is of leaves all these bytes to the caller; undefined where there is no heap. */
  readonly isCallers: ((start: number, end: number) => boolean) | undefined;
}

/** Memory of which every byte is the caller's. */
const OPEN_GROUND: RegionGround = { pageWithoutOwner: () => NULL, noteRegion: () => {}, isCallers: undefined };

/** A region that this binding made: its header, and its last byte as the caller gave it. */
interface MadeRegion {
  readonly hdr: number;
  readonly end: number;
}

/**
 * The kmalloc of the Atomik page over one memory. It remembers which regions it made, to refuse new ones over them; all
 * else is read from the bytes. What it prints is in the Spanish of the original, without accents.
 */
export class AtomikKmalloc {
  readonly #memory: LinearMemory;
  readonly #print: (message: string) => void;
  readonly #ground: RegionGround;
  #made: MadeRegion[] = [];

  constructor(memory: LinearMemory, print: (message: string) => void, ground: RegionGround = OPEN_GROUND) {
    this.#memory = memory;
    this.#print = print;
    this.#ground = ground;
  }

  init(start: number, end: number): number {
    const memory = this.#memory;
    memory.refresh();
    const problem = this.#boundsFault(start, end);
    if (problem !== undefined) return this.#refuse(`kmalloc_init: ${problem}!`);
    const hdr = createRegion(memory.words, start, end);
    this.#ground.noteRegion(start, end);
    this.#made.push({ hdr, end });
    return hdr;
  }

  /** Says why no region can be made of these bytes. Reads only. */
  #boundsFault(start: number, end: number): string | undefined {
    if (!isByteAddress(start) || !isByteAddress(end)) {
      return `${describeValue(start)} y ${describeValue(end)} no son dos direcciones`;
    }
    const region = `la region ${hex(start)}-${hex(end)}`;
    if (end < start) return `${region} esta invertida`;
    const { byteLength } = this.#memory;
    if (end >= byteLength) return `${region} se sale de la memoria, que tiene ${byteLength} bytes`;
    if (!isLargeEnough(start, end)) {
      return `${region} es demasiado pequena: hacen falta ${MIN_REGION_BYTES} bytes alineados a ${BLOCK_BYTES}`;
    }
    const live = this.#liveIn(start, end);
    if (live !== undefined) return `${region} se solapa con la region ${hex(live.hdr)}-${hex(live.end)}`;
    const page = this.#ground.pageWithoutOwner(start, end);
    if (page !== NULL) return `${region} ocupa la pagina ${hex(page)}, que no esta alojada`;
    if (this.#ground.isCallers?.(start, end) ?? true) return undefined;
    return `${region} no esta dentro de un solo bloque o trecho de paginas alojado del heap`;
  }

  kmalloc(size: number, hdr: number): number {
    this.#memory.refresh();
    const { words } = this.#memory;
    if (!this.#isRegion(hdr) || !isByteAddress(size) || this.#isLost(hdr))
      return this.#refuseRequest("kmalloc", size, hdr);
    const address = allocateWorst(words, hdr >>> WORD_SHIFT, size);
    return address >= NULL ? address : this.#refuse(`kmalloc: lista corrupta en ${hex(-address)}`);
  }

  kmallocFast(size: number, hdr: number): number {
    this.#memory.refresh();
    const { words } = this.#memory;
    if (!this.#isRegion(hdr) || !isByteAddress(size) || this.#isLost(hdr))
      return this.#refuseRequest("kmalloc_fast", size, hdr);
    const address = allocateFirst(words, hdr >>> WORD_SHIFT, size);
    return address >= NULL ? address : this.#refuse(`kmalloc_fast: lista corrupta en ${hex(-address)}`);
  }

  kfree(ptr: number, hdr: number): void {
    if (ptr === NULL) return;
    this.#memory.refresh();
    const { words } = this.#memory;
    if (!this.#isRegion(hdr) || this.#isLost(hdr)) {
      this.#refuse(this.#headerFault("kfree", hdr));
      return;
    }
    const header = hdr >>> WORD_SHIFT;
    if (!isByteAddress(ptr)) {
      this.#refuse(`kfree: ${describeValue(ptr)} fuera de rango!`);
      return;
    }
    const fault = freeFault(words, header, ptr);
    if (fault === undefined) release(words, header, ptr);
    else this.#refuse(`kfree: ${describeFault(ptr, fault)}`);
  }

  /** Prints every chunk of a region in one message. */
  debugChunks(hdr: number): void {
    this.#memory.refresh();
    if (!this.#isRegion(hdr) || this.#isLost(hdr)) {
      this.#refuse(this.#headerFault("kmalloc_chunk_debug", hdr));
      return;
    }
    const chunks = [...chunksOf(this.#memory.words, hdr >>> WORD_SHIFT)];
    const texts = chunks.map(({ address, busy, blocks, next, previous }) => {
      return `${busy ? "B" : "F"}${hex(address)}(${blocks * BLOCK_BYTES})n${hex(next)}p${hex(previous)}`;
    });
    this.#print(texts.join(" "));
  }

  /** Header of an existing region made here that holds one of these bytes, or 0. O(regions). */
  liveIn(start: number, end: number): number {
    return this.#liveIn(start, end)?.hdr ?? NULL;
  }

  /** A region exists while its magic stands, whatever else of it is damaged: there are blocks in it. */
  #liveIn(start: number, last: number): MadeRegion | undefined {
    this.#made = this.#made.filter(({ hdr }) => this.#lives(hdr));
    return this.#made.find(({ hdr, end }) => start <= end && last >= hdr);
  }

  /**
   * Ends the regions that lie in these bytes, which are not theirs any more. Headers among them may be in somebody
   * else's pages by now, and are not written to: who took the pages back has. O(regions).
   */
  end(start: number, last: number): void {
    if (this.#made.length === 0) return;
    this.#memory.refresh();
    const overlaps = ({ hdr, end }: MadeRegion): boolean => start <= end && last >= hdr;
    for (const region of this.#made) {
      const { hdr } = region;
      if (overlaps(region) && hdr < start && this.#lives(hdr)) endRegion(this.#memory.words, hdr >>> WORD_SHIFT);
    }
    this.#made = this.#made.filter((region) => !overlaps(region));
  }

  /** Headers of the regions made here that still live. */
  liveHeaders(): readonly number[] {
    this.#memory.refresh();
    return this.#made.map(({ hdr }) => hdr).filter((hdr) => this.#lives(hdr));
  }

  #lives(hdr: number): boolean {
    return this.#memory.words[(hdr >>> WORD_SHIFT) + RegionHeader.MAGIC] === REGION_MAGIC;
  }

  #isRegion(hdr: number): boolean {
    return (
      isByteAddress(hdr) && hdr !== NULL && (hdr & BLOCK_MASK) === 0 && isRegion(this.#memory.words, hdr >>> WORD_SHIFT)
    );
  }

  /** Whether the heap has taken the block or the pages back that a region lies in. */
  #isLost(hdr: number): boolean {
    const { isCallers } = this.#ground;
    if (isCallers === undefined) return false;
    return !isCallers(hdr, this.#memory.words[(hdr >>> WORD_SHIFT) + RegionHeader.END] >>> 0);
  }

  #headerFault(name: string, hdr: number): string {
    if (!isByteAddress(hdr) || hdr === NULL || (hdr & BLOCK_MASK) !== 0 || hdr >= this.#memory.byteLength) {
      return `${name}: ${describeValue(hdr)} no es una cabecera`;
    }
    const magic = this.#memory.words[(hdr >>> WORD_SHIFT) + RegionHeader.MAGIC];
    if (magic === REGION_GONE || (this.#isRegion(hdr) && this.#isLost(hdr)))
      return `${name}: la region ${hex(hdr)} ha perdido sus paginas, ya no esta alojada`;
    return `${name}: cabecera corrupta en ${hex(hdr)} (numero magico ${hexWord(magic)})`;
  }

  #refuseRequest(name: string, size: number, hdr: number): number {
    if (!this.#isRegion(hdr) || this.#isLost(hdr)) return this.#refuse(this.#headerFault(name, hdr));
    return this.#refuse(`${name}: tamano incorrecto (${describeValue(size)})`);
  }

  #refuse(message: string): number {
    this.#print(message);
    return NULL;
  }
}

/** The messages of kfree. The first and the third are the original's; it forgot the argument of the first. */
function describeFault(ptr: number, { kind, address, found }: FreeFault): string {
  switch (kind) {
    case "range":
      return `${hex(ptr)} fuera de rango!`;
    case "alignment":
      return `${hex(ptr)} no esta alineado a ${BLOCK_BYTES} bytes!`;
    case "state":
      return `liberacion doble / corrupcion (estado ${found}) en ${hex(ptr)}`;
    case "canary":
      return `canario corrupto en ${hex(address)} (${hexWord(found)} en lugar de ${hexWord(CHUNK_CANARY)})`;
    case "seal":
      return `sello corrupto en ${hex(address)}`;
    case "links":
      return `lista corrupta en ${hex(address)}`;
    case "index":
      return `indice corrupto en ${hex(address)}`;
  }
}
