import type { ReapReport } from "kmem";
import { describe, expect, it } from "vitest";
import { clearLine, createBoard, HELD_LIMIT } from "../../src/kill/board.ts";
import { Ledger } from "../../src/kill/ledger.ts";
import { wrongList } from "../../src/kill/pieces-of-dead.ts";

const piece = (address: number, pageCount = 0) => ({ address, pageCount });

describe("a ledger", () => {
  it("holds what was added and not taken, each thread's for itself", () => {
    const board = createBoard(2);
    const [mine, others] = [new Ledger(board, 0), new Ledger(board, 1)];
    for (const address of [0x10, 0xffff_fff0, 0x30]) mine.add(piece(address, 2));
    others.add(piece(0x40));
    expect(mine.take(1)).toEqual(piece(0xffff_fff0, 2));
    expect(mine.pieces()).toEqual([piece(0x10, 2), piece(0x30, 2)]);
    expect(others.pieces()).toEqual([piece(0x40)]);
    clearLine(board, 0);
    expect([mine.count, others.count]).toEqual([0, 1]);
  });

  it("is full in the end", () => {
    const ledger = new Ledger(createBoard(1), 0);
    for (let count = 0; count < HELD_LIMIT; count++) {
      expect(ledger.isFull).toBe(false);
      ledger.add(piece(16 * (count + 1)));
    }
    expect(ledger.isFull).toBe(true);
  });
});

describe("the list of what a dead thread owned", () => {
  const report = (...addresses: number[]): ReapReport => ({
    slot: 3,
    blocks: addresses.map((address) => ({ address, usableBytes: 16, cache: "kmalloc-16", live: true, slot: 3 })),
    pageRuns: [{ address: 4096, pageCount: 2 }],
    areas: [],
    mempools: [],
    traceRings: [],
    returnedBlocks: 0,
    returnedPages: 0,
    takenOverLocks: 0,
    isFreed: true,
  });

  it("is what the thread had written down, but for what it was at", () => {
    expect(wrongList(report(16, 32), [piece(16), piece(32), piece(4096, 2)])).toEqual([]);
    expect(wrongList(report(16, 32), [piece(4096, 2)])).toEqual([]);
  });

  it("is wrong with more, and with less", () => {
    expect(wrongList(report(16, 32, 48), [piece(4096, 2)])).toEqual(["slot 3: listed, but not its own: 16, 32, 48"]);
    expect(wrongList(report(16), [piece(16), piece(64), piece(4096)])).toEqual(["slot 3: its own, but not listed: 64"]);
  });
});
