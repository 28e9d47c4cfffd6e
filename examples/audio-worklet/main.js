// The producer: fills blocks of samples ahead of time, and frees those that have been played.
import { Heap, heapStats } from "kmem";
import { Ring } from "./ring.js";

const CAPACITY = 16;
const BLOCK_FRAMES = 512;

/** A sine of some frequency through an AudioContext, or an OfflineAudioContext. */
export async function sineThrough(context, frequencyHz) {
  const heap = Heap.create({ sizeBytes: 4 * 2 ** 20 });
  const makeRing = () => heap.calloc(1, Ring.bytes(CAPACITY));
  const rings = { fullRing: makeRing(), emptyRing: makeRing() };
  const full = new Ring(heap.buffer, rings.fullRing, CAPACITY);
  const empty = new Ring(heap.buffer, rings.emptyRing, CAPACITY);
  let made = 0;

  /** Frees what has been played, and fills the ring again. */
  const produce = () => {
    for (let block = empty.pop(); block !== 0; block = empty.pop()) heap.free(block);
    for (;;) {
      const block = heap.alloc(BLOCK_FRAMES * 4);
      const samples = heap.view(Float32Array, block, BLOCK_FRAMES);
      const step = (2 * Math.PI * frequencyHz) / context.sampleRate;
      for (let frame = 0; frame < BLOCK_FRAMES; frame += 1) samples[frame] = 0.2 * Math.sin(step * (made + frame));
      if (!full.push(block)) return heap.free(block);
      made += BLOCK_FRAMES;
    }
  };

  produce();
  await context.audioWorklet.addModule(new URL("./processor.js", import.meta.url));
  const processorOptions = { buffer: heap.buffer, capacity: CAPACITY, blockFrames: BLOCK_FRAMES, ...rings };
  const node = new AudioWorkletNode(context, "kmem-player", {
    numberOfInputs: 0,
    outputChannelCount: [1],
    processorOptions,
  });
  node.connect(context.destination);
  return { produce, liveBlocks: () => heapStats(heap).liveBlocks };
}
