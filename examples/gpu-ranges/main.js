// Meshes that come and go, in one buffer. Without a GPU at hand the device is one that counts frames; with WebGPU the
// buffer is device.createBuffer({ size: ranges.bufferBytes, usage }), and a range is written by queue.writeBuffer.
import { GpuRanges } from "./ranges.js";

/** Plays so many frames; resolves to the most ranges that were in use, and what is left. */
export function play(frameCount) {
  const ranges = new GpuRanges(64 * 2 ** 20);
  const meshes = [];
  let mostRanges = 0;
  for (let frame = 0; frame < frameCount; frame += 1) {
    const sizeBytes = 256 * (1 + ((frame * 7919) % 400));
    const offset = ranges.alloc(sizeBytes);
    if (offset === undefined) throw new Error("no room for a mesh");
    if (offset % 256 !== 0 || offset + sizeBytes > ranges.bufferBytes) throw new Error("no range of the buffer");
    meshes.push({ offset, sizeBytes });
    if (meshes.length > 100) ranges.freeAfter(frame, meshes.splice((frame * 31) % meshes.length, 1)[0].offset);
    ranges.finished(frame - 3); // the GPU is three frames behind
    mostRanges = Math.max(mostRanges, ranges.stats.liveRanges);
  }
  for (const { offset } of meshes) ranges.freeAfter(frameCount, offset);
  ranges.finished(frameCount);
  return { mostRanges, ...ranges.stats };
}

if (import.meta.main ?? true) console.log(play(2000));
