import { describe, expect, it } from "vitest";
import { RunKind } from "../../src/pages/layout.ts";
import { DIRECTORY_PAGE_BYTES, VMALLOC_START } from "../../src/vmalloc/layout.ts";
import { vfreeMessage } from "../../src/vmalloc/result.ts";
import { Vmalloc } from "../../src/vmalloc/vmalloc.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { expectUnchanged, makeVmalloc, newLayers, takenPages } from "./support.ts";

describe("vmalloc", () => {
  it("gives whole pages and a guard page behind them, as the document's 5000 bytes", () => {
    const { vmalloc, findings } = makeVmalloc();
    const address = vmalloc.vmalloc(5000);
    expect(address).toBe(VMALLOC_START);
    expect(vmalloc.areas()).toEqual([
      { address, sizeBytes: 3 * PAGE, askedBytes: 5000, pageCount: 2, kind: "vmalloc", caller: "", slot: 0 },
    ]);
    expect(vmalloc.vmallocToPage(address)).toBeGreaterThan(0);
    expect(vmalloc.vmallocToPage(address + PAGE)).toBeGreaterThan(0);
    expect(vmalloc.vmallocToPage(address + 2 * PAGE)).toBe(0);
    expect(vmalloc.vmalloc(1)).toBe(address + 3 * PAGE);
    expect(findings()).toEqual([]);
  });

  it.each([1, 2, 4095, 4096, 4097, 8192, 300_000])("maps all pages of %i bytes and no other", (sizeBytes) => {
    const { vmalloc, findings } = makeVmalloc();
    const address = vmalloc.vmalloc(sizeBytes);
    const pageCount = Math.ceil(sizeBytes / PAGE);
    for (let page = 0; page < pageCount; page++) expect(vmalloc.vmallocToPage(address + page * PAGE)).not.toBe(0);
    expect(vmalloc.vmallocToPage(address + pageCount * PAGE)).toBe(0);
    expect(vmalloc.vmallocToPage(address - 1)).toBe(0);
    expect(vmalloc.stats()).toMatchObject({ mappedPages: pageCount, framePages: pageCount, areaCount: 1 });
    expect(findings()).toEqual([]);
  });

  it("serves from scattered frames what no run of pages can", () => {
    const { layers, vmalloc, findings, takePages } = makeVmalloc();
    const pages: number[] = [];
    while (layers.pages.freeBytes > 20 * PAGE) pages.push(takePages(1));
    for (let index = 0; index < pages.length; index += 2) {
      layers.pages.free((pages[index] as number) / PAGE, 1, RunKind.PAGES);
    }
    expect(layers.pages.largestFreeRunBytes()).toBeLessThan(40 * PAGE);
    const address = vmalloc.vmalloc(100 * PAGE);
    expect(address).toBe(VMALLOC_START);
    expect(vmalloc.segments(address, 100 * PAGE).length).toBeGreaterThan(30);
    vmalloc.fill(address, 100 * PAGE, 0x5a);
    expect(vmalloc.readBytes(address, 100 * PAGE).every((byte) => byte === 0x5a)).toBe(true);
    expect(findings()).toEqual([]);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d bytes", (sizeBytes) => {
    const subject = makeVmalloc();
    expect(expectUnchanged(subject, () => subject.vmalloc.vmalloc(sizeBytes))).toBe(0);
    expect(expectUnchanged(subject, () => subject.vmalloc.vzalloc(sizeBytes))).toBe(0);
    expect(subject.vmalloc.reasonUnavailable(sizeBytes)).toBe("bad size");
  });

  it("takes its frames in runs as long as there are any, and gives each back as a whole", () => {
    const { vmalloc, layers, findings } = makeVmalloc({ sizeBytes: 8 * MIB });
    const runsAt = (address: number, pageCount: number): number[] => {
      const counts: number[] = [];
      for (let page = 0; page < pageCount; ) {
        const count = layers.pages.frames.count(vmalloc.vmallocToPage(address + page * PAGE) / PAGE);
        counts.push(count);
        page += count;
      }
      return counts;
    };
    const freeBytes = layers.pages.freeBytes;
    const address = vmalloc.vmalloc(700 * PAGE);
    expect(runsAt(address, 700)).toEqual([256, 256, 188]);
    expect(findings()).toEqual([]);
    expect(vmalloc.vfree(address)).toBe("freed");
    expect(layers.pages.freeBytes).toBe(freeBytes);
  });

  it("gives 0 for more pages than there are or are free, and says which", () => {
    const subject = makeVmalloc();
    const { layers, vmalloc } = subject;
    const freePages = layers.pages.freeBytes / PAGE;
    expect(expectUnchanged(subject, () => vmalloc.vmalloc(2 * MIB))).toBe(0);
    expect(vmalloc.reasonUnavailable(2 * MIB)).toBe("exceeds total pages");
    expect(expectUnchanged(subject, () => vmalloc.vmalloc((freePages + 1) * PAGE))).toBe(0);
    expect(vmalloc.reasonUnavailable((freePages + 1) * PAGE)).toBe("no pages");
    expect(vmalloc.reasonUnavailable(freePages * PAGE)).toBeUndefined();
    // The pages would do, but not with a page table on top.
    expect(vmalloc.vmalloc(freePages * PAGE)).toBe(0);
    expect(layers.pages.freeBytes / PAGE).toBe(freePages);
    expect(vmalloc.areas()).toEqual([]);
    expect(subject.findings()).toEqual([]);
  });

  it("uses the reserve only when it may", () => {
    const { layers, vmalloc, findings } = makeVmalloc({ sizeBytes: 8 * MIB });
    while (vmalloc.vmalloc(PAGE) !== 0);
    const left = layers.pages.freeBytes;
    expect(left).toBeGreaterThan(0);
    expect(vmalloc.vmalloc(PAGE, { reserve: true })).not.toBe(0);
    expect(layers.pages.freeBytes).toBeLessThan(left);
    expect(findings()).toEqual([]);
  });

  it("takes frames from the DMA zone when asked to", () => {
    const { layers, vmalloc, findings } = makeVmalloc({ dmaBytes: 256 * 1024 });
    const [dma] = layers.pages.stats();
    const address = vmalloc.vmalloc(3 * PAGE, { dma: true });
    const boundary = layers.geometry.firstPageFrame + (dma?.pages ?? 0);
    for (const page of [0, 1, 2]) expect(vmalloc.vmallocToPage(address + page * PAGE) / PAGE).toBeLessThan(boundary);
    expect(vmalloc.vmalloc(300 * 1024, { dma: true })).toBe(0);
    expect(layers.pages.stats()[0]?.freePages).toBe((dma?.freePages ?? 0) - 3);
    expect(findings()).toEqual([]);
  });

  it("aligns areas to powers of two", () => {
    const subject = makeVmalloc();
    const { vmalloc } = subject;
    vmalloc.vmalloc(1);
    for (const alignmentBytes of [PAGE, 8 * PAGE, MIB, 2 ** 31, 2 ** 32]) {
      const address = vmalloc.vmalloc(5000, { alignmentBytes });
      // The whole of a small memory's virtual space has one address at 2^32, the first, and that one is taken.
      if (alignmentBytes === 2 ** 32) expect(address).toBe(0);
      else expect(address % alignmentBytes).toBe(0);
    }
    for (const alignmentBytes of [0, 1, 2048, 3 * PAGE, 2 ** 33, Number.NaN]) {
      const error = expectUnchanged(subject, () => thrownBy(() => vmalloc.vmalloc(1, { alignmentBytes })));
      expect(error.code).toBe("BAD_ALIGNMENT");
    }
    expect(subject.findings()).toEqual([]);
  });

  it("gives zeros to vzalloc, in frames that others have used", () => {
    for (const shared of [true, false]) {
      const { vmalloc } = makeVmalloc({ shared });
      const dirty = vmalloc.vmalloc(100 * PAGE);
      vmalloc.fill(dirty, 100 * PAGE, 0xff);
      vmalloc.vfree(dirty);
      const address = vmalloc.vzalloc(100 * PAGE - 7);
      expect(address).toBe(dirty);
      expect(vmalloc.readBytes(address, 100 * PAGE).every((byte) => byte === 0)).toBe(true);
    }
  });

  it("has any number of areas, with pages for their records taken as needed", () => {
    const { layers, vmalloc, findings } = makeVmalloc({ sizeBytes: 24 * MIB });
    const before = layers.pages.usedFrames - takenPages(vmalloc);
    const addresses = Array.from({ length: 4000 }, (_, index) => vmalloc.vmalloc(1, { caller: `caller ${index}` }));
    expect(addresses.every((address, index) => address === VMALLOC_START + index * 2 * PAGE)).toBe(true);
    const areas = vmalloc.areas();
    expect(areas.map(({ address }) => address)).toEqual(addresses);
    expect(areas[3999]?.caller).toBe("caller 3999");
    const { recordPages, tablePages, areaCount } = vmalloc.stats();
    expect(areaCount).toBe(4000);
    expect(recordPages).toBeGreaterThan(100);
    expect(tablePages).toBe(8);
    expect(layers.pages.usedFrames).toBe(before + takenPages(vmalloc));
    expect(findings()).toEqual([]);
    for (const address of addresses) expect(vmalloc.vfree(address)).toBe("freed");
    expect(vmalloc.stats()).toMatchObject({ areaCount: 0, mappedPages: 0, tablePages: 0, recordPages });
    expect(layers.pages.usedFrames).toBe(before + takenPages(vmalloc));
    expect(findings()).toEqual([]);
  });

  it.each([1, 2, 30])("gives everything back when the nth of %i pages cannot be had, for every n", (pageCount) => {
    for (let left = 0; left < pageCount + 5; left++) {
      const { layers, vmalloc, findings, takePages } = makeVmalloc();
      vmalloc.vmalloc(PAGE);
      while (layers.pages.freeBytes > left * PAGE) takePages(1);
      const figures = vmalloc.stats();
      const address = vmalloc.vmalloc(pageCount * PAGE, { reserve: true, alignmentBytes: 8 * MIB });
      // It needs a page table too.
      expect(address !== 0).toBe(left >= pageCount + 1);
      if (address !== 0) expect(vmalloc.vfree(address)).toBe("freed");
      expect(vmalloc.stats()).toEqual(figures);
      expect(layers.pages.freeBytes).toBe(left * PAGE);
      expect(findings()).toEqual([]);
    }
  });

  it("runs out of virtual addresses only when a stretch of that length is taken everywhere", () => {
    const { vmalloc, takePages, findings } = makeVmalloc({ sizeBytes: 4 * MIB });
    const total = DIRECTORY_PAGE_BYTES;
    expect(vmalloc.stats()).toMatchObject({ totalBytes: total, freeBytes: total, largestFreeBytes: total });
    const page = takePages(1);
    // Two areas so far apart that no 2 GiB are left in one piece.
    const low = vmalloc.vmap([page], { alignmentBytes: 2 ** 30 });
    expect(low).toBe(VMALLOC_START);
    const high = vmalloc.vmap([page], { alignmentBytes: 2 ** 31 });
    expect(high).toBe(VMALLOC_START + 2 ** 31);
    expect(vmalloc.stats().largestFreeBytes).toBe(2 ** 31 - 2 * PAGE);
    expect(vmalloc.vmap([page], { alignmentBytes: 2 ** 31 })).toBe(0);
    expect(vmalloc.vunmap(low)).toBe("freed");
    expect(vmalloc.stats().largestFreeBytes).toBe(2 ** 31);
    expect(findings()).toEqual([]);
  });
});

describe("vfree", () => {
  it("does nothing for 0", () => {
    const subject = makeVmalloc();
    expect(expectUnchanged(subject, () => subject.vmalloc.vfree(0))).toBe("null");
    expect(expectUnchanged(subject, () => subject.vmalloc.vunmap(0))).toBe("null");
  });

  it("gives back frames, tables and addresses, and leaves neighbours alone", () => {
    const { layers, vmalloc, findings } = makeVmalloc();
    const free = layers.pages.freeBytes;
    const addresses = [1, 5, 3].map((pages) => vmalloc.vmalloc(pages * PAGE));
    for (const [index, address] of addresses.entries()) vmalloc.fill(address, PAGE, index + 1);
    expect(vmalloc.vfree(addresses[1] as number)).toBe("freed");
    expect(vmalloc.readU8(addresses[0] as number)).toBe(1);
    expect(vmalloc.readU8(addresses[2] as number)).toBe(3);
    expect(vmalloc.vmalloc(5 * PAGE)).toBe(addresses[1]);
    for (const address of addresses) expect(vmalloc.vfree(address)).toBe("freed");
    expect(layers.pages.freeBytes).toBe(free);
    expect(vmalloc.areas()).toEqual([]);
    expect(findings()).toEqual([]);
  });

  it("refuses what starts no area, with Linux's words", () => {
    const subject = makeVmalloc();
    const { vmalloc, layers } = subject;
    const address = vmalloc.vmalloc(3 * PAGE);
    const freed = vmalloc.vmalloc(PAGE);
    vmalloc.vfree(freed);
    for (const bad of [address + 1, address - 1, 1.5, -1, Number.NaN, 2 ** 60 + PAGE / 2, Number.POSITIVE_INFINITY]) {
      const expected = bad % PAGE === 0 ? "nonexistent" : "bad address";
      expect(expectUnchanged(subject, () => vmalloc.vfree(bad))).toBe(expected);
    }
    const frame = layers.geometry.firstPageFrame;
    for (const unknown of [address + PAGE, address + 3 * PAGE, freed, frame * PAGE, 2 ** 45, -PAGE]) {
      expect(
        expectUnchanged(subject, () => vmalloc.vfree(unknown)),
        String(unknown),
      ).toBe("nonexistent");
    }
    expect(vmalloc.vfree(address)).toBe("freed");
    expect(expectUnchanged(subject, () => vmalloc.vfree(address))).toBe("nonexistent");
    expect(vfreeMessage("bad address", "vfree", address + 1)).toBe("Trying to vfree() bad address (0000000100000001)");
    expect(vfreeMessage("nonexistent", "vunmap", address)).toBe(
      "Trying to vunmap() nonexistent vm area (0000000100000000)",
    );
    expect(vfreeMessage("wrong kind", "vfree", address)).toBe("Trying to vfree() an area of vmap (0000000100000000)");
    expect(vfreeMessage("wrong kind", "vunmap", address)).toContain("an area of vmalloc");
    expect(vfreeMessage("freed", "vfree", address)).toBeUndefined();
    expect(vfreeMessage("null", "vfree", 0)).toBeUndefined();
  });
});

describe("virtual memory", () => {
  it("lists and finds areas with what /proc/vmallocinfo prints", () => {
    const { vmalloc } = makeVmalloc();
    const caller = "alloc_large_system_hash+0x204/0x2c0";
    const address = vmalloc.vmalloc(256 * PAGE, { caller });
    const area = vmalloc.findArea(address + 100_000);
    expect(area).toEqual({
      address,
      sizeBytes: 257 * PAGE,
      askedBytes: 256 * PAGE,
      pageCount: 256,
      kind: "vmalloc",
      caller,
      slot: 0,
    });
    expect(vmalloc.findArea(address + 256 * PAGE + 1)).toEqual(area);
    for (const other of [address - 1, address + 257 * PAGE, 0, 2 ** 50, 1.5, Number.NaN]) {
      expect(vmalloc.findArea(other)).toBeUndefined();
    }
    expect(vmalloc.isVmallocAddress(address - 1)).toBe(false);
    expect(vmalloc.isVmallocAddress(address + 2 ** 31)).toBe(true);
    expect(vmalloc.isVmallocAddress(address + DIRECTORY_PAGE_BYTES)).toBe(false);
    expect(vmalloc.isVmallocAddress(address + 0.5)).toBe(false);
  });

  it("keeps what fits of a caller's name", () => {
    const { vmalloc } = makeVmalloc();
    vmalloc.vmalloc(1, { caller: "x".repeat(200) });
    vmalloc.vmalloc(1, { caller: "zażółć\n" });
    expect(vmalloc.areas().map(({ caller }) => caller)).toEqual(["x".repeat(84), "za?????"]);
  });

  it("is the same from every object over its anchor", () => {
    const { layers, vmalloc, anchorAddress } = makeVmalloc();
    const address = vmalloc.vmalloc(3 * PAGE, { caller: "first" });
    vmalloc.writeU32(address + PAGE - 1, 0xdeadbeef);
    const other = Vmalloc.attach(layers, anchorAddress);
    expect(other.areas()).toEqual(vmalloc.areas());
    expect(other.readU32(address + PAGE - 1)).toBe(0xdeadbeef);
    const second = other.vmalloc(1);
    expect(vmalloc.areas().length).toBe(2);
    expect(vmalloc.vfree(second)).toBe("freed");
    expect(other.vfree(second)).toBe("nonexistent");
    // Records that one object adds serve the other.
    for (let count = 0; count < 100; count++) (count % 2 === 0 ? other : vmalloc).vmalloc(1);
    expect(vmalloc.areas()).toEqual(other.areas());
    expect(other.areas().length).toBe(101);
  });

  it("needs an anchor that is free to be made and one that leads to it to be opened", () => {
    const subject = makeVmalloc();
    const { layers, anchorAddress, bytes } = subject;
    expect(expectUnchanged(subject, () => thrownBy(() => Vmalloc.create(layers, anchorAddress))).message).toContain(
      "in use",
    );
    for (const bad of [anchorAddress + 2, -4, 2 ** 33, Number.NaN]) {
      expect(thrownBy(() => Vmalloc.create(layers, bad)).code).toBe("BAD_ARGUMENT");
      expect(thrownBy(() => Vmalloc.attach(layers, bad)).code).toBe("BAD_ARGUMENT");
    }
    const empty = anchorAddress + 64;
    for (const lead of [0, 4, PAGE, anchorAddress, 2 ** 31, 2 ** 32 - PAGE]) {
      new DataView(bytes().buffer).setUint32(empty, lead, true);
      expect(thrownBy(() => Vmalloc.attach(layers, empty)).code).toBe("NOT_A_HEAP");
    }
  });

  it("is not made where there are no pages for it, and takes none then", () => {
    // One page of this memory is its reserve, which virtual memory does not touch.
    for (const left of [0, 1, 2, 3]) {
      const layers = newLayers();
      const anchorAddress = layers.pages.allocate(1, RunKind.PAGES) * PAGE;
      layers.memory.words[anchorAddress / 4] = 0;
      while (layers.pages.freeBytes > left * PAGE) layers.pages.allocate(1, RunKind.PAGES, { mayUseReserve: true });
      expect(Vmalloc.create(layers, anchorAddress) !== undefined).toBe(left === 3);
      expect(layers.pages.freeBytes).toBe(left === 3 ? PAGE : left * PAGE);
      expect(layers.memory.words[anchorAddress / 4] === 0).toBe(left < 3);
    }
  });

  it("goes without a trace", () => {
    const layers = newLayers({ sizeBytes: 8 * MIB });
    const anchorAddress = layers.pages.allocate(1, RunKind.PAGES) * PAGE;
    const run = layers.pages.allocate(1, RunKind.PAGES) * PAGE;
    const before = layers.pages.stats();
    const vmalloc = Vmalloc.create(layers, anchorAddress);
    for (let count = 0; count < 200; count++) vmalloc?.vmalloc(count * 200 + 1);
    vmalloc?.vmap([run, run]);
    expect(layers.pages.stats()).not.toEqual(before);
    vmalloc?.destroy();
    expect(layers.pages.stats()).toEqual(before);
    expect(layers.memory.words[anchorAddress / 4]).toBe(0);
    expect(thrownBy(() => Vmalloc.attach(layers, anchorAddress)).code).toBe("NOT_A_HEAP");
  });

  it("has four virtual bytes for each real one, at the top of 4 GiB too", () => {
    const subject = makeVmalloc({ memory: new SharedArrayBuffer(4096 * MIB), start: 4094 * MIB });
    const { vmalloc } = subject;
    expect(vmalloc.stats()).toMatchObject({ totalBytes: 2 ** 34, directoryPages: 4 });
    const address = vmalloc.vmalloc(10_000);
    vmalloc.writeU32(address + PAGE - 1, 0xcafebabe);
    expect(vmalloc.readU32(address + PAGE - 1)).toBe(0xcafebabe);
    expect(vmalloc.vmallocToPage(address)).toBeGreaterThan(4094 * MIB);
    const far = vmalloc.vmap([vmalloc.vmallocToPage(address)], { alignmentBytes: 2 ** 32 });
    expect(far).toBe(2 * 2 ** 32);
    expect(vmalloc.readU8(far + PAGE - 1)).toBe(0xbe);
    vmalloc.copyOut(far, vmalloc.vmallocToPage(address + 2 * PAGE), 16);
    expect(vmalloc.readBytes(address + 2 * PAGE, 16)).toEqual(vmalloc.readBytes(address, 16));
    expect(subject.findings()).toEqual([]);
    expect(vmalloc.vunmap(far)).toBe("freed");
    expect(vmalloc.vfree(address)).toBe("freed");
    expect(subject.findings()).toEqual([]);
  });
});
