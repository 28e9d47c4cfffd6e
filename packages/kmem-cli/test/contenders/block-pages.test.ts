import { describe, expect, it } from "vitest";
import { BlockPages } from "../../src/contenders/block-pages.ts";
import { PageUse } from "../../src/contenders/page-use.ts";

const PAGE = 4096;

describe("pages out of blocks", () => {
  it("go back as a block, with the last of them", () => {
    const freed: number[] = [];
    const addresses = [4 * PAGE, 8 * PAGE, 0];
    const asked: number[] = [];
    const pages = new BlockPages(64, {
      alloc: (sizeBytes) => {
        asked.push(sizeBytes);
        return addresses.shift()!;
      },
      free: (address) => void freed.push(address),
    });
    expect([pages.tryAlloc(4), pages.tryAlloc(2), pages.tryAlloc(1)]).toEqual([4 * PAGE, 8 * PAGE, 0]);
    expect(asked).toEqual([4 * PAGE, 2 * PAGE, PAGE]);
    pages.free(4 * PAGE, 1);
    pages.free(6 * PAGE, 2);
    expect(freed).toEqual([]);
    pages.free(8 * PAGE, 2);
    expect(freed).toEqual([8 * PAGE]);
    pages.free(5 * PAGE, 1);
    expect(freed).toEqual([8 * PAGE, 4 * PAGE]);
  });
});

describe("the use of pages", () => {
  it("counts a page once, however much of it is used, as long as any of it is", () => {
    const use = new PageUse(4 * PAGE);
    use.add(10, 20);
    use.add(100, PAGE);
    expect(use.usedBytes).toBe(PAGE);
    use.add(PAGE - 1, PAGE + 1);
    expect(use.usedBytes).toBe(2 * PAGE);
    use.remove(10, 20);
    use.remove(PAGE - 1, PAGE + 1);
    expect(use.usedBytes).toBe(PAGE);
    // What would lie behind the end of the memory does not count.
    use.add(3 * PAGE, 4 * PAGE + 32);
    expect(use.usedBytes).toBe(2 * PAGE);
    use.remove(3 * PAGE, 4 * PAGE + 32);
    use.remove(100, PAGE);
    expect(use.usedBytes).toBe(0);
  });
});
