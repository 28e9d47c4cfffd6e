// The consumer: plays blocks of samples, and sends each back when it has been played. It allocates nothing, frees
// nothing, takes no lock and imports nothing but the ring.
import { Ring } from "./ring.js";

class Player extends AudioWorkletProcessor {
  constructor({ processorOptions: { buffer, capacity, fullRing, emptyRing, blockFrames } }) {
    super();
    this.full = new Ring(buffer, fullRing, capacity);
    this.empty = new Ring(buffer, emptyRing, capacity);
    this.samples = new Float32Array(buffer);
    this.blockFrames = blockFrames;
    this.block = 0;
    this.at = 0;
  }

  process(_inputs, [[output]]) {
    for (let frame = 0; frame < output.length; frame += 1) {
      if (this.block === 0) {
        this.block = this.full.pop();
        this.at = this.block / 4;
        if (this.block === 0) break; // nothing to play: silence, and no waiting
      }
      output[frame] = this.samples[this.at];
      this.at += 1;
      if (this.at === this.block / 4 + this.blockFrames) {
        this.empty.push(this.block);
        this.block = 0;
      }
    }
    return true;
  }
}

registerProcessor("kmem-player", Player);
