import { describe, expect, it } from "vitest";
import { RunKind } from "../../src/pages/layout.ts";
import { thrownBy } from "../support/expectations.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { expectUnchanged, makeVmalloc } from "./support.ts";

describe("vmap", () => {
  it("shows pages of the buffer in a row, in the order they are given", () => {
    const { layers, vmalloc, bytes, takePages, findings } = makeVmalloc();
    const pages = [takePages(3), takePages(1)];
    const [run, single] = pages as [number, number];
    const address = vmalloc.vmap([run + 2 * PAGE, single, run], { caller: "map_it" });
    expect(vmalloc.areas()).toEqual([
      { address, sizeBytes: 4 * PAGE, askedBytes: 3 * PAGE, pageCount: 3, kind: "vmap", caller: "map_it", slot: 0 },
    ]);
    for (const [index, page] of [run + 2 * PAGE, single, run].entries()) {
      bytes()[page + 17] = 100 + index;
      expect(vmalloc.readU8(address + index * PAGE + 17)).toBe(100 + index);
      expect(vmalloc.vmallocToPage(address + index * PAGE + 17)).toBe(page);
    }
    vmalloc.writeU32(address + PAGE - 2, 0x11223344);
    expect(bytes()[run + 3 * PAGE - 1]).toBe(0x33);
    expect(bytes()[single]).toBe(0x22);
    const free = layers.pages.freeBytes;
    expect(findings()).toEqual([]);
    expect(vmalloc.vunmap(address)).toBe("freed");
    // The page table goes, the pages stay.
    expect(layers.pages.freeBytes).toBe(free + PAGE);
    layers.pages.free(run / PAGE, 3, RunKind.PAGES);
    layers.pages.free(single / PAGE, 1, RunKind.PAGES);
    expect(findings()).toEqual([]);
  });

  it("maps the same page as often as asked, and those of another area", () => {
    const { vmalloc, findings } = makeVmalloc();
    const area = vmalloc.vmalloc(2 * PAGE);
    const page = vmalloc.vmallocToPage(area + PAGE);
    const address = vmalloc.vmap([page, page, page]);
    vmalloc.writeF64(address + PAGE + 40, Math.PI);
    expect(vmalloc.readF64(area + PAGE + 40)).toBe(Math.PI);
    expect(vmalloc.readF64(address + 2 * PAGE + 40)).toBe(Math.PI);
    expect(vmalloc.stats()).toMatchObject({ mappedPages: 5, framePages: 2, areaCount: 2 });
    expect(findings()).toEqual([]);
  });

  it("refuses what is no page in use", () => {
    const subject = makeVmalloc();
    const { vmalloc, layers, takePages } = subject;
    const page = takePages(1);
    const freed = takePages(1);
    layers.pages.free(freed / PAGE, 1, RunKind.PAGES);
    const tables = layers.geometry.baseFrame * PAGE;
    for (const bad of [tables, freed, page + 1, -PAGE, 2 ** 32, 0.5, Number.NaN, 64 * MIB]) {
      const error = expectUnchanged(subject, () => thrownBy(() => vmalloc.vmap([page, bad])));
      expect(error.code).toBe("INVALID_ADDRESS");
      expect(error.message).toContain("it is no page in use");
    }
    expect(expectUnchanged(subject, () => vmalloc.vmap([]))).toBe(0);
    expect(subject.findings()).toEqual([]);
  });

  it("gives everything back when there is no page for a table", () => {
    const { layers, vmalloc, takePages, findings } = makeVmalloc();
    const pages = Array.from({ length: 3 }, () => takePages(1));
    // From two pages before the end of the first table on.
    const first = vmalloc.vmap(Array.from({ length: 1021 }, () => pages[0] as number));
    expect(first).not.toBe(0);
    while (layers.pages.freeBytes > 0) takePages(1);
    const figures = vmalloc.stats();
    expect(vmalloc.vmap([...pages, ...pages])).toBe(0);
    expect(vmalloc.stats()).toEqual(figures);
    expect(vmalloc.vmap(pages.slice(0, 1))).not.toBe(0);
    expect(findings()).toEqual([]);
  });

  it("and vmalloc keep their areas apart", () => {
    const subject = makeVmalloc();
    const { vmalloc, takePages } = subject;
    const mapped = vmalloc.vmap([takePages(1)]);
    const allocated = vmalloc.vmalloc(1);
    expect(expectUnchanged(subject, () => vmalloc.vfree(mapped))).toBe("wrong kind");
    expect(expectUnchanged(subject, () => vmalloc.vunmap(allocated))).toBe("wrong kind");
    expect(expectUnchanged(subject, () => vmalloc.vunmap(allocated + 1))).toBe("bad address");
    expect(expectUnchanged(subject, () => vmalloc.vunmap(allocated + PAGE))).toBe("nonexistent");
  });
});
