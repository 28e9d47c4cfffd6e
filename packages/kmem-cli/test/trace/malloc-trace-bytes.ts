/** Words of a malloc trace's header; those that are left out are those of a good trace. */
export interface MallocHeaderWords {
  readonly magic?: number;
  readonly version?: number;
  readonly eventCount?: number;
  readonly slotCount?: number;
  readonly peakLow?: number;
  readonly peakHigh?: number;
  readonly allocs?: number;
  readonly frees?: number;
  readonly reallocs?: number;
  readonly flags?: number;
  readonly requestedLow?: number;
  readonly requestedHigh?: number;
  readonly threads?: number;
}

export type MallocEventWords = readonly [first: number, size: number];

/** The two words of an event. */
export function mallocEvent(code: number, id: number, size: number, log2Align = 0): MallocEventWords {
  return [((id << 8) | (log2Align << 3) | code) >>> 0, size];
}

/** The bytes of a malloc trace. */
export function mallocTrace(events: readonly MallocEventWords[], words: MallocHeaderWords = {}): Uint8Array {
  const header = [
    words.magic ?? 0x43525441,
    words.version ?? 1,
    words.eventCount ?? events.length,
    words.slotCount ?? 16,
    words.peakLow ?? 0,
    words.peakHigh ?? 0,
    words.allocs ?? 0,
    words.frees ?? 0,
    words.reallocs ?? 0,
    words.flags ?? 0,
    words.requestedLow ?? 0,
    words.requestedHigh ?? 0,
    words.threads ?? 0,
    0,
    0,
    0,
  ];
  const all = [...header, ...events.flat()];
  const view = new DataView(new ArrayBuffer(all.length * 4));
  for (const [index, word] of all.entries()) view.setUint32(index * 4, word, true);
  return new Uint8Array(view.buffer);
}
