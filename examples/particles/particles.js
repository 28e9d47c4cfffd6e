// Particles as objects of a slab cache: thousands are born and die in a second, and nothing is left to a garbage
// collector. A particle is six floats: place, speed, age, and how long it lives.
import { Heap } from "kmem";

const [X, Y, VX, VY, AGE, LIFE] = [0, 1, 2, 3, 4, 5];
const PARTICLE_BYTES = 6 * Float32Array.BYTES_PER_ELEMENT;
const GRAVITY = 90; // pixels per second, each second

export class Particles {
  #heap;
  #cache;
  #floats;
  #live = [];

  constructor(sizeBytes = 16 * 2 ** 20) {
    this.#heap = Heap.create({ sizeBytes, shared: false });
    this.#cache = this.#heap.createCache({ name: "particle", sizeBytes: PARTICLE_BYTES });
    this.#floats = new Float32Array(this.#heap.buffer);
  }

  get count() {
    return this.#live.length;
  }

  /** What the cache has: slabs, live and free objects. */
  get stats() {
    return this.#cache.stats();
  }

  /** Particles that fly out of a place, as many as there is memory for. */
  burst(x, y, count) {
    for (let left = count; left > 0; left -= 1) {
      const particle = this.#cache.tryAlloc();
      if (particle === 0) return;
      const [angle, speed] = [Math.random() * 2 * Math.PI, 20 + Math.random() * 140];
      this.#floats.set(
        [x, y, Math.cos(angle) * speed, Math.sin(angle) * speed, 0, 1 + Math.random() * 2],
        particle / 4,
      );
      this.#live.push(particle);
    }
  }

  /** Moves all; the old ones die. */
  step(seconds) {
    const floats = this.#floats;
    let kept = 0;
    for (const particle of this.#live) {
      const at = particle / 4;
      floats[at + AGE] += seconds;
      if (floats[at + AGE] > floats[at + LIFE]) {
        this.#cache.free(particle);
        continue;
      }
      floats[at + VY] += GRAVITY * seconds;
      floats[at + X] += floats[at + VX] * seconds;
      floats[at + Y] += floats[at + VY] * seconds;
      this.#live[kept++] = particle;
    }
    this.#live.length = kept;
  }

  /** Gives place and remaining share of life of each. */
  forEach(draw) {
    for (const particle of this.#live) {
      const at = particle / 4;
      draw(this.#floats[at + X], this.#floats[at + Y], 1 - this.#floats[at + AGE] / this.#floats[at + LIFE]);
    }
  }
}
