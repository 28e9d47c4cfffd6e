import { type Atomik, atomik, LogRing, PAGE_SIZE } from "kmem/atomik";
import { describe, expect, it } from "vitest";
import { checkHeap, Heap } from "../../../src/index.ts";
import { chunksOf } from "../../../src/region/check.ts";
import { BLOCK_BYTES, CHUNK_HEADER_BYTES, REGION_HEADER_BYTES, RegionHeader } from "../../../src/region/layout.ts";
import { setUp, withFreeChunks } from "../../region/kernel.ts";
import { firstDifference } from "../../support/expectations.ts";
import { fillPattern, patternFault } from "../../support/pattern.ts";
import { Random } from "../../support/random.ts";

// Each test names the sentence of the document that it shows: docs/sentences/atomik.md numbers them.

describe("the kmalloc of the Atomik page", () => {
  it("000-01 manages a portion of memory understood as a first and a last address, malloc-like", () => {
    const { kernel, chunks } = setUp();
    const hdr = kernel.kmalloc_init(1024, 4095);
    expect(chunks(hdr)).toEqual([expect.objectContaining({ busy: false, blocks: (3072 - REGION_HEADER_BYTES) / 16 })]);
    const address = kernel.kmalloc(100, hdr);
    expect(address).toBeGreaterThan(1024);
    expect(address + 100).toBeLessThanOrEqual(4096);
    kernel.kfree(address, hdr);
    expect(chunks(hdr)).toHaveLength(1);
  });

  it("000-02 manages as many discontiguous portions at once as it is told to, and nothing between them", () => {
    const { kernel, bytes } = setUp();
    bytes.fill(0xa5);
    const portions = [
      [512, 1999],
      [4096, 5000],
      [30_001, 65_535],
    ] as const;
    const headers = portions.map(([start, end]) => kernel.kmalloc_init(start, end));
    const random = new Random(1);
    for (let step = 0; step < 2000; step++) {
      const index = random.below(3);
      const hdr = headers[index] as number;
      const size = random.below(200);
      const address = kernel.kmalloc(size, hdr);
      if (address === 0) continue;
      const [start, end] = portions[index] as (typeof portions)[number];
      expect(address).toBeGreaterThanOrEqual(start);
      expect(address + size - 1).toBeLessThanOrEqual(end);
      bytes.fill(0x11, address, address + size);
      if (random.below(3) > 0) kernel.kfree(address, hdr);
    }
    const isOutside = (at: number): boolean => portions.every(([start, end]) => at < start || at > end);
    expect(bytes.findIndex((byte, at) => byte !== 0xa5 && isOutside(at))).toBe(-1);
    expect(kernel.check()).toEqual([]);
  });

  it("000-03 manages a contiguous region in the manner of malloc: blocks aligned, apart, reused once freed", () => {
    const { kernel, bytes } = setUp();
    const hdr = kernel.kmalloc_init(0, 65_535);
    const live: { address: number; size: number }[] = [];
    for (let size = 0; size < 200; size++) {
      const address = kernel.kmalloc(size, hdr);
      expect(address % 16).toBe(0);
      fillPattern(bytes, address, address + size, size);
      live.push({ address, size });
    }
    for (const { address, size } of live) expect(patternFault(bytes, address, address + size, size)).toBe(-1);
    for (const { address } of new Random(2).shuffled(live)) kernel.kfree(address, hdr);
    expect(kernel.kmalloc(0, hdr)).toBe(live[0]?.address);
    expect(kernel.check()).toEqual([]);
  });

  it("000-04 knows nothing of the nature of the memory: the same calls give the same in every kind of it", () => {
    const heap = Heap.create({ sizeBytes: 1024 * 1024 });
    const block = heap.alloc(8192);
    const top = new SharedArrayBuffer(2 ** 32);
    const places = [
      [new ArrayBuffer(8192), 0],
      [new SharedArrayBuffer(8192), 0],
      [new WebAssembly.Memory({ initial: 1 }), 0],
      [new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }), 0],
      [heap, block],
      [top, 2 ** 31 - 4096],
      [top, 2 ** 32 - 8192],
    ] as const;
    const traces = places.map(([memory, start]) => {
      const kernel = atomik(memory, new LogRing());
      const hdr = kernel.kmalloc_init(start + 16, start + 8191);
      const random = new Random(3);
      const live: number[] = [];
      const trace = [hdr - start];
      for (let step = 0; step < 500; step++) {
        if (random.below(2) === 0 || live.length === 0) {
          const address = kernel.kmalloc(random.below(300), hdr);
          trace.push(address === 0 ? 0 : address - start);
          if (address !== 0) live.push(address);
        } else {
          kernel.kfree(live.splice(random.below(live.length), 1)[0] as number, hdr);
        }
      }
      expect(kernel.check()).toEqual([]);
      return trace;
    });
    for (const trace of traces) expect(trace).toEqual(traces[0]);
    expect(checkHeap(heap).findings).toEqual([]);
  });

  it("000-04 keeps its circular list in the buffer it was given: a copy of the bytes is a copy of the region", () => {
    const { kernel, bytes, chunks } = setUp(new ArrayBuffer(4096));
    const hdr = kernel.kmalloc_init(16, 4095);
    const [first, second] = [kernel.kmalloc(300, hdr), kernel.kmalloc(300, hdr)];
    kernel.kfree(first, hdr);
    const copy = setUp(bytes.slice().buffer);
    copy.kernel.kfree(second, hdr);
    expect(copy.log.messages()).toEqual([]);
    expect(copy.chunks(hdr)).toHaveLength(1);
    expect(chunks(hdr)).toHaveLength(3);
  });

  it("000-04 links all chunks, free and busy, in one circle in address order", () => {
    const { kernel, chunks } = setUp();
    const hdr = kernel.kmalloc_init(0, 8191);
    const live = Array.from({ length: 12 }, () => kernel.kmalloc_fast(100, hdr));
    for (const index of [1, 2, 5, 8]) kernel.kfree(live[index] as number, hdr);
    const circle = chunks(hdr);
    expect(new Set(circle.map(({ busy }) => busy)).size).toBe(2);
    for (const [index, { address, blocks, next, previous }] of circle.entries()) {
      const isLast = index === circle.length - 1;
      expect(next).toBe(isLast ? circle[0]?.address : address + blocks * BLOCK_BYTES);
      expect(previous).toBe(circle.at(index - 1)?.address);
    }
  });

  it("000-05 000-06 000-12 000-18 000-24 gives types, prototypes and macros by the names of the document", () => {
    const { kernel } = setUp();
    const arities = [kernel.kmalloc_init, kernel.kmalloc, kernel.kmalloc_fast, kernel.kfree].map(
      ({ length }) => length,
    );
    expect(arities).toEqual([2, 2, 2, 2]);
    expect(PAGE_SIZE).toBe(4096);
    expect(kernel.PAGE_SIZE).toBe(4096);
  });

  it("000-07 takes start as the first byte and end as the last byte that can be allocated", () => {
    for (const [start, end] of [
      [16, 95],
      [64, 1000],
      [1, 200],
      [4095, 8190],
      [17, 65_535],
    ] as const) {
      const { kernel, bytes } = setUp();
      bytes.fill(0xa5);
      const hdr = kernel.kmalloc_init(start, end);
      expect(hdr).toBe(Math.ceil(start / 16) * 16);
      // The largest request that fits ends within 16 bytes of the last byte, and never behind it.
      const most = Math.floor((end + 1 - hdr - REGION_HEADER_BYTES) / 16) * 16 - CHUNK_HEADER_BYTES;
      expect(kernel.kmalloc(most + 1, hdr)).toBe(0);
      const address = kernel.kmalloc(most, hdr);
      expect(address).toBe(hdr + REGION_HEADER_BYTES + CHUNK_HEADER_BYTES);
      expect(end - (address + most - 1)).toBeLessThan(16);
      expect(address + most - 1).toBeLessThanOrEqual(end);
      bytes.fill(0x11, address, address + most);
      kernel.kfree(address, hdr);
      expect(bytes.subarray(0, start).every((byte) => byte === 0xa5)).toBe(true);
      expect(bytes.subarray(end + 1).every((byte) => byte === 0xa5)).toBe(true);
    }
  });

  it("000-07 never takes address 0, which is NULL, for a header", () => {
    const { kernel } = setUp();
    expect(kernel.kmalloc_init(0, 4095)).toBe(16);
  });

  it("000-08 returns the address of a header that says where the list of free and busy chunks is", () => {
    const memory = new SharedArrayBuffer(4096);
    const { kernel, chunks } = setUp(memory);
    const hdr = kernel.kmalloc_init(100, 4095);
    const live = [1, 2, 3].map(() => kernel.kmalloc(300, hdr));
    const word = (field: number): number => new DataView(memory).getUint32(hdr + field * 4, true);
    expect(word(RegionHeader.MAGIC)).toBe(0xda7ab10c);
    expect(word(RegionHeader.START)).toBe(hdr + REGION_HEADER_BYTES);
    expect(word(RegionHeader.END)).toBe(4095);
    expect(word(RegionHeader.FIRST)).toBe(chunks(hdr)[0]?.address);
    expect(word(RegionHeader.LAST)).toBe(chunks(hdr).at(-1)?.address);
    expect(new DataView(memory).getUint32((live[1] as number) - CHUNK_HEADER_BYTES, true)).toBe(0xdead7007);
  });

  it("000-09 takes that header in every call: it says in which region the call works", () => {
    const { kernel, chunks } = setUp();
    const [low, high] = [kernel.kmalloc_init(16, 4095), kernel.kmalloc_init(4096, 8191)];
    const inHigh = kernel.kmalloc(100, high);
    expect(inHigh).toBeGreaterThan(high);
    expect(chunks(low)).toHaveLength(1);
    const inLow = kernel.kmalloc_fast(100, low);
    expect(inLow).toBeLessThan(high);
    kernel.kfree(inHigh, high);
    expect(chunks(high)).toHaveLength(1);
    expect(chunks(low)).toHaveLength(2);
  });

  it("000-10 000-16 000-22 is re-entrant: calls on other regions in between change nothing", () => {
    const trace = (isDisturbed: boolean): number[] => {
      const { kernel, bytes } = setUp();
      const other = atomik(bytes.buffer as SharedArrayBuffer, new LogRing());
      const hdr = kernel.kmalloc_init(16, 20_000);
      const otherHdr = isDisturbed ? other.kmalloc_init(30_000, 60_000) : 0;
      const random = new Random(4);
      const live: number[] = [];
      return Array.from({ length: 600 }, (_, step) => {
        if (isDisturbed) {
          const passing = step % 2 === 0 ? other.kmalloc(step, otherHdr) : other.kmalloc_fast(step, otherHdr);
          if (step % 3 === 0) other.kfree(passing, otherHdr);
          if (step % 50 === 0) expect(other.kmalloc_init(20_100 + step * 10, 20_200 + step * 10)).toBeGreaterThan(0);
        }
        if (step % 3 === 2) kernel.kfree(live.splice(random.below(live.length), 1)[0] ?? 0, hdr);
        const address = (step % 2 === 0 ? kernel.kmalloc : kernel.kmalloc_fast)(random.below(150), hdr);
        if (address !== 0) live.push(address);
        return address;
      });
    };
    expect(trace(true)).toEqual(trace(false));
  });

  it("000-10 000-16 000-22 is re-entrant: the console may call back into it", () => {
    const memory = new SharedArrayBuffer(65_536);
    const inner: number[] = [];
    const kernel: Atomik = atomik(memory, {
      print: () => {
        if (inner.length < 3) inner.push(kernel.kmalloc_init(8192 + inner.length * 1024, 9000 + inner.length * 1024));
        inner.push(kernel.kmalloc(64, hdr), kernel.kmalloc_fast(64, hdr));
      },
    });
    const hdr = kernel.kmalloc_init(16, 4095);
    expect(kernel.kmalloc(-1, hdr)).toBe(0);
    expect(kernel.kmalloc_fast(Number.NaN, hdr)).toBe(0);
    expect(kernel.kmalloc_init(4000, 5000)).toBe(0);
    expect(inner).not.toContain(0);
    expect(new Set(inner).size).toBe(inner.length);
    expect(kernel.check()).toEqual([]);
  });

  it("000-11 000-17 000-23 000-30 is not thread-safe: a region has no lock to wait for", () => {
    expect(Object.keys(RegionHeader)).toEqual(["MAGIC", "SEAL", "START", "END", "FIRST", "LAST", "ROOT", "SALT"]);
    const { kernel, bytes } = setUp();
    const hdr = kernel.kmalloc_init(16, 4095);
    // No word of the header that a call leaves behind differs between "outside" and "after a call and its undoing".
    const before = bytes.slice(hdr, hdr + REGION_HEADER_BYTES);
    kernel.kfree(kernel.kmalloc(100, hdr), hdr);
    expect(bytes.slice(hdr, hdr + REGION_HEADER_BYTES)).toEqual(before);
  });

  it.each(["kmalloc", "kmalloc_fast"] as const)(
    "000-13 000-19 allocates size bytes of the region of hdr: %s",
    (name) => {
      const setup = setUp();
      const { kernel, bytes, chunks } = setup;
      const hdr = kernel.kmalloc_init(16, 65_535);
      for (const size of [1, 15, 16, 17, 100, 255, 256, 4000]) {
        const address = kernel[name](size, hdr);
        const chunk = chunks(hdr).find(({ payload }) => payload === address);
        expect(chunk?.busy).toBe(true);
        expect(chunk?.usableBytes).toBe(Math.ceil(size / 16) * 16);
        bytes.fill(0xff, address, address + size);
        expect(kernel.check()).toEqual([]);
      }
    },
  );

  it.each(["kmalloc", "kmalloc_fast"] as const)("000-14 000-20 gives memory ready to be used, or NULL: %s", (name) => {
    const { kernel, log, bytes } = setUp();
    const hdr = kernel.kmalloc_init(16, 4095);
    const live: number[] = [];
    for (let address = kernel[name](48, hdr); address !== 0; address = kernel[name](48, hdr)) live.push(address);
    // 80 bytes for each, and 32 of the region's header.
    expect(live).toHaveLength(Math.floor((4080 - REGION_HEADER_BYTES) / 80));
    const before = bytes.slice();
    expect(kernel[name](48, hdr)).toBe(0);
    expect(kernel[name](2 ** 32 - 1, hdr)).toBe(0);
    expect(firstDifference(before, bytes)).toBe(-1);
    expect(log.messages()).toEqual([]);
    kernel.kfree(live[7] as number, hdr);
    expect(kernel[name](48, hdr)).toBe(live[7]);
  });

  it("000-15 worst fit takes the largest free chunk of the whole list", () => {
    const setup = setUp();
    const { hdr, free } = withFreeChunks(setup, [10, 40, 20]);
    expect(setup.kernel.kmalloc(6 * BLOCK_BYTES, hdr)).toBe(free[1]);
  });

  it("000-15 worst fit takes the first of several largest, and NULL when the largest does not fit", () => {
    const setup = setUp();
    const { hdr, free } = withFreeChunks(setup, [7, 12, 5, 12, 12]);
    expect(setup.kernel.kmalloc(11 * BLOCK_BYTES, hdr)).toBe(0);
    for (const index of [1, 3, 4]) expect(setup.kernel.kmalloc(10 * BLOCK_BYTES, hdr)).toBe(free[index]);
    expect(setup.kernel.kmalloc(10 * BLOCK_BYTES, hdr)).toBe(0);
    expect(setup.kernel.kmalloc(1, hdr)).toBe(free[0]);
  });

  it("000-15 worst fit keeps what is left of a chunk large, where first fit leaves scraps", () => {
    const smallestRest = (name: "kmalloc" | "kmalloc_fast"): number => {
      const setup = setUp();
      const { hdr } = withFreeChunks(setup, [10, 40, 20]);
      setup.kernel[name](5 * BLOCK_BYTES, hdr);
      const free = setup.chunks(hdr).filter(({ busy }) => !busy);
      return Math.min(...free.map(({ blocks }) => blocks));
    };
    expect(smallestRest("kmalloc")).toBe(10);
    expect(smallestRest("kmalloc_fast")).toBe(3);
  });

  it("000-21 first fit takes the first free chunk of at least size bytes", () => {
    const setup = setUp();
    const { hdr, free } = withFreeChunks(setup, [10, 40, 20]);
    expect(setup.kernel.kmalloc_fast(9 * BLOCK_BYTES, hdr)).toBe(free[1]);
    expect(setup.kernel.kmalloc_fast(6 * BLOCK_BYTES, hdr)).toBe(free[0]);
    expect(setup.kernel.kmalloc_fast(8 * BLOCK_BYTES + 1, hdr)).toBe((free[1] as number) + 11 * BLOCK_BYTES);
  });

  it("000-25 frees the memory at ptr and merges it with both neighbours at once", () => {
    for (const order of [
      [1, 0, 2],
      [0, 1, 2],
      [2, 1, 0],
      [0, 2, 1],
    ]) {
      const { kernel, chunks } = setUp();
      const hdr = kernel.kmalloc_init(16, 4095);
      const initial = chunks(hdr);
      const live = [1, 2, 3].map(() => kernel.kmalloc(300, hdr));
      for (const index of order) {
        kernel.kfree(live[index] as number, hdr);
        const states = chunks(hdr).map(({ busy }) => busy);
        expect(states.some((busy, at) => !busy && states[at + 1] === false)).toBe(false);
      }
      expect(chunks(hdr)).toEqual(initial);
    }
  });

  it("000-26 does nothing for NULL and leaves memory as it is, whatever hdr is", () => {
    const { kernel, bytes, log } = setUp();
    const hdr = kernel.kmalloc_init(16, 4095);
    kernel.kmalloc(100, hdr);
    const before = bytes.slice();
    for (const header of [hdr, 0, 8, -1, Number.NaN]) kernel.kfree(0, header);
    expect(firstDifference(before, bytes)).toBe(-1);
    expect(log.messages()).toEqual([]);
  });

  it("000-27 000-29 checks what it frees and says on the console what is wrong", () => {
    const { kernel, log } = setUp();
    const hdr = kernel.kmalloc_init(16, 4095);
    const address = kernel.kmalloc(100, hdr);
    kernel.kfree(address, hdr);
    kernel.kfree(address, hdr);
    expect(log.messages()).toEqual([`kfree: liberacion doble / corrupcion (estado 0) en 0x${address.toString(16)}`]);
  });

  it("000-28 prints nothing and touches nothing but the region for NULL and for pointers that kmalloc manages", () => {
    const { kernel, bytes, log } = setUp();
    bytes.fill(0xa5);
    const hdr = kernel.kmalloc_init(4096, 8191);
    const live = Array.from({ length: 20 }, (_, size) => kernel.kmalloc(size * 8, hdr));
    for (const address of new Random(5).shuffled([...live, 0])) kernel.kfree(address, hdr);
    expect(log.messages()).toEqual([]);
    expect(bytes.findIndex((byte, at) => byte !== 0xa5 && (at < 4096 || at > 8191))).toBe(-1);
  });

  it("000-28 000-29 prints when all is decided: a console that frees finds the region whole", () => {
    const memory = new SharedArrayBuffer(4096);
    const live: number[] = [];
    const kernel: Atomik = atomik(memory, { print: () => kernel.kfree(live.pop() ?? 0, hdr) });
    const hdr = kernel.kmalloc_init(16, 4095);
    live.push(kernel.kmalloc(10, hdr), kernel.kmalloc(20, hdr));
    kernel.kfree(hdr + 8, hdr);
    kernel.kfree(hdr + 8, hdr);
    expect(live).toEqual([]);
    expect(kernel.check()).toEqual([]);
    expect([...chunksOf(new Int32Array(memory), hdr / 4)]).toHaveLength(1);
  });
});
