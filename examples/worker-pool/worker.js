import { parentPort, workerData } from "node:worker_threads";
import { Heap } from "kmem";

const heap = Heap.attach(workerData);

parentPort.on("message", (frame) => {
  if (frame === 0) {
    heap.detach();
    return parentPort.close();
  }
  const pixels = heap.u8(frame); // the whole block, in place
  const was = pixels[0];
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = 255 - pixels[index];
  parentPort.postMessage({ frame, was });
});
