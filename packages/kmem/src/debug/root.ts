import { type CoreLayers, type Layers, underTableLock } from "../kmalloc/layers.ts";
import { PAGE_SHIFT, PAGE_SIZE, WORD_BYTES, WORD_SHIFT } from "../memory/layout.ts";
import { readUtf8, utf8Of } from "../memory/utf8.ts";
import { DebugRootMagic, KIND_COUNT, NO_FRAME, OwnerMark, RunKind } from "../pages/layout.ts";
import { ROOT_TEXT_BYTES_MAX, RootWord } from "./layout.ts";

/** The last instant that a Date can be. */
const DATE_MS_MAX = 8.64e15;

/** Where the state of a debugged heap begins; see {@link RootWord}. */
export class DebugRoot {
  /** Index in `words` of the root's pages. */
  readonly word: number;
  readonly #layers: CoreLayers;

  private constructor(layers: CoreLayers, word: number) {
    this.#layers = layers;
    this.word = word;
  }

  /** The root of a heap that is debugged, undefined in any other. O(pages). */
  static find(layers: CoreLayers): DebugRoot | undefined {
    const { geometry, memory, pages } = layers;
    const { frames } = pages;
    memory.refresh();
    memory.waitForLength(frames.endFrame * PAGE_SIZE);
    for (let frame = geometry.firstPageFrame; frame < frames.endFrame; frame++) {
      if (frames.kind(frame) !== RunKind.SYSTEM || frames.owner(frame) !== OwnerMark.DEBUG_ROOT) continue;
      const word = (frame << PAGE_SHIFT) >>> WORD_SHIFT;
      const isRoot =
        memory.words[word + RootWord.MAGIC] === DebugRootMagic.MAGIC && frame + DebugRootMagic.PAGES <= frames.endFrame;
      return isRoot ? new DebugRoot(layers, word) : undefined;
    }
    return undefined;
  }

  /**
   * Makes the root of a new heap; `lettersOf` says the letters of each cache by its kind, `text` of those to come.
   * Undefined without pages.
   */
  static create(layers: Layers, text: string, lettersOf: (kind: number) => number): DebugRoot | undefined {
    const bytes = utf8Of(text);
    return underTableLock(layers, () => {
      const { memory, pages } = layers;
      const frame = pages.allocate(DebugRootMagic.PAGES, RunKind.SYSTEM);
      if (frame === NO_FRAME) return undefined;
      const word = (frame << PAGE_SHIFT) >>> WORD_SHIFT;
      const { words } = memory;
      words.fill(0, word, word + (DebugRootMagic.PAGES * PAGE_SIZE) / WORD_BYTES);
      const root = new DebugRoot(layers, word);
      for (let kind = 0; kind < KIND_COUNT; kind++) root.setLetters(kind, lettersOf(kind));
      words[word + RootWord.TEXT_BYTES] = bytes.length;
      memory.bytes.set(bytes, (word + RootWord.TEXT) * WORD_BYTES);
      memory.doubles[(word + RootWord.EPOCH) >> 1] = Date.now();
      words[word + RootWord.MAGIC] = DebugRootMagic.MAGIC;
      pages.frames.setOwner(frame, OwnerMark.DEBUG_ROOT);
      return root;
    });
  }

  /** The first of its pages. */
  get frame(): number {
    return this.word >>> (PAGE_SHIFT - WORD_SHIFT);
  }

  /** Milliseconds since 1970 when the heap was made. */
  get epochMs(): number {
    const epochMs = this.#layers.memory.doubles[(this.word + RootWord.EPOCH) >> 1];
    // Damage may have made it no date at all.
    return epochMs >= 0 && epochMs <= DATE_MS_MAX ? epochMs : 0;
  }

  /** Milliseconds since 1970 when the dump was made that this heap was opened from; undefined for one that lives. */
  get dumpedMs(): number | undefined {
    const dumpedMs = this.#layers.memory.doubles[(this.word + RootWord.DUMPED) >> 1];
    return dumpedMs > 0 && dumpedMs <= DATE_MS_MAX ? dumpedMs : undefined;
  }

  /** What was asked for when the heap was made, in the grammar of {@link DebugLetters}. */
  get text(): string {
    const { bytes, words } = this.#layers.memory;
    const length = Math.max(0, Math.min(words[this.word + RootWord.TEXT_BYTES], ROOT_TEXT_BYTES_MAX));
    const first = (this.word + RootWord.TEXT) * WORD_BYTES;
    return readUtf8(bytes, first, first + length);
  }

  /** Live objects of a sampled heap that have guarded places, of all threads. */
  get guardedCount(): number {
    return Atomics.load(this.#layers.memory.words, this.word + RootWord.GUARDED);
  }

  /** Counts guarded objects that came, or went. */
  addGuarded(count: number): void {
    Atomics.add(this.#layers.memory.words, this.word + RootWord.GUARDED, count);
  }

  /** The letters of the cache whose slabs have that kind. */
  letters(kind: number): number {
    return this.#layers.memory.bytes[(this.word + RootWord.LETTERS) * WORD_BYTES + kind];
  }

  setLetters(kind: number, letters: number): void {
    this.#layers.memory.bytes[(this.word + RootWord.LETTERS) * WORD_BYTES + kind] = letters;
  }
}
