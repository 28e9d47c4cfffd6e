import process from "node:process";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { describe, expect, it } from "vitest";
import { pageToucher } from "../../src/memory/page-touch.ts";
import { probeResident } from "../../src/memory/resident-memory.ts";

const MODULE = new URL("../../src/memory/resident-memory.ts", import.meta.url).href;
const PAGE_BYTES = 4096;
const MIB = 2 ** 20;
const WASM_PAGES = (16 * MIB) / 2 ** 16;
const IS_LINUX = process.platform === "linux";
/** Most bytes that a kernel gives at once where a page is first touched. */
const LARGEST_FOLIO_BYTES = 2 * MIB;

describe.skipIf(!IS_LINUX)("the probe of a buffer (Linux only)", () => {
  it.each([
    ["an ArrayBuffer", () => new ArrayBuffer(16 * MIB)],
    ["a SharedArrayBuffer", () => new SharedArrayBuffer(16 * MIB)],
    ["a WebAssembly.Memory", () => new WebAssembly.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES }).buffer],
  ])("counts the pages that were written to, and no others: %s", (_what, create) => {
    const buffer = create();
    const bytes = new Uint8Array(buffer);
    const probe = probeResident({ buffer });
    const before = probe?.read() ?? 0;
    for (let page = 0; page < 1000; page += 1) bytes[(page + 50) * PAGE_BYTES + 100] = 1;
    let sum = 0;
    for (let at = 3200 * PAGE_BYTES; at < 16 * MIB; at += PAGE_BYTES) sum += bytes[at]!;
    expect(sum).toBe(0);
    expect(probe?.scope).toBe("buffer");
    // A kernel that hands out several pages at once (its large folios) gives the ends of the stretch more of them.
    const surplus = (probe?.read() ?? 0) - before - 1000 * PAGE_BYTES;
    expect(surplus).toBeGreaterThanOrEqual(0);
    expect(surplus).toBeLessThanOrEqual(2 * (LARGEST_FOLIO_BYTES - PAGE_BYTES));
  });

  it("leaves the buffer as it was", () => {
    const bytes = Uint8Array.from({ length: 8 * MIB }, (_, index) => index % 251);
    const copy = bytes.slice();
    probeResident(bytes)?.read();
    expect(Buffer.compare(bytes, copy)).toBe(0);
  });

  it("follows a memory that grows", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: WASM_PAGES });
    const probe = probeResident(memory);
    const before = probe?.read() ?? 0;
    const first = memory.grow(100) * 2 ** 16;
    new Uint8Array(memory.buffer).fill(1, first, first + 500_000);
    expect((probe?.read() ?? 0) - before).toBe(Math.ceil(500_000 / PAGE_BYTES) * PAGE_BYTES);
  });

  it("is of the whole process for a heap with no buffer, or with much beside it", () => {
    expect(probeResident({})?.scope).toBe("process");
    expect(probeResident({ buffer: new ArrayBuffer(MIB), keepsStateOutside: true })?.scope).toBe("process");
  });
});

describe.skipIf(!IS_LINUX)("the probe of a process (Linux only)", () => {
  it("counts what is alive, and no garbage", async () => {
    const script = `
      const { probeResident } = await import(${JSON.stringify(MODULE)});
      const blocksOf = (count) => Array.from({ length: count }, () => new Uint8Array(${MIB}).fill(1));
      const probe = probeResident({});
      const before = probe.read();
      blocksOf(32);
      const kept = blocksOf(64);
      console.log(JSON.stringify({ grown: probe.read() - before, kept: kept.length }));`;
    const answer = await runProcess({ file: process.execPath, args: ["--input-type=module", "-e", script] });
    const { grown } = JSON.parse(answer) as { grown: number };
    expect(grown).toBeGreaterThan(60 * MIB);
    expect(grown).toBeLessThan(68 * MIB);
  });
});

describe("the touching of blocks", () => {
  it("writes to each page and to the last byte", () => {
    const buffer = new ArrayBuffer(8 * PAGE_BYTES);
    pageToucher({ buffer })(100, 2 * PAGE_BYTES + 1);
    const touched = [...new Uint8Array(buffer).entries()].filter(([, value]) => value === 1).map(([at]) => at);
    expect(touched).toEqual([100, 100 + PAGE_BYTES, 100 + 2 * PAGE_BYTES]);
    expect(() => pageToucher({ buffer })(0, 10)).not.toThrow();
    expect(new Uint8Array(buffer)[0]).toBe(0);
  });

  it("goes on in the buffer that a heap has grown into, and asks a heap that has none", () => {
    const heap = { buffer: new ArrayBuffer(16) };
    const touch = pageToucher(heap);
    heap.buffer = new ArrayBuffer(32);
    touch(20, 2);
    expect([...new Uint8Array(heap.buffer)].slice(19, 23)).toEqual([0, 1, 1, 0]);
    const calls: number[][] = [];
    pageToucher({ touch: (...args) => calls.push(args) })(5, 6);
    expect(calls).toEqual([[5, 6]]);
  });
});
