import { Heap } from "kmem";
import { beforeEach, describe, expect, it } from "vitest";
import { layersOf } from "../../../kmem/src/heap/access.ts";
import { audit } from "../../src/kill/audit.ts";
import { sealBlock } from "../../src/kill/block-seal.ts";
import { Board, createBoard, type SharedWords } from "../../src/kill/board.ts";
import { Ledger } from "../../src/kill/ledger.ts";

const SIZE_BYTES = 100;
let heap: Heap;
let board: SharedWords;
let ledgers: Ledger[];

beforeEach(() => {
  heap = Heap.create({ sizeBytes: 2 ** 22 });
  board = createBoard(2);
  ledgers = [0, 1].map((thread) => new Ledger(board, thread));
});

function sealed(): number {
  const address = heap.alloc(SIZE_BYTES);
  sealBlock(new Int32Array(heap.buffer), address, SIZE_BYTES);
  return address;
}

function look(hands: readonly number[] = [], inherited: readonly { address: number; pageCount: number }[] = []) {
  return audit(heap, { board, survivors: [0, 1], inherited, hands: new Set(hands) });
}

describe("the audit of a killing", () => {
  it("finds nothing where everybody has what is live", () => {
    ledgers[0]!.add({ address: sealed(), pageCount: 0 });
    ledgers[1]!.add({ address: heap.pages.alloc(3), pageCount: 3 });
    Atomics.store(board, Board.EXCHANGE + 5, sealed());
    const kept = sealed();
    expect(look([], [{ address: kept, pageCount: 0 }])).toEqual({
      findings: 0,
      lostBlocks: 0,
      lostPages: 0,
      problems: [],
      orphans: [],
    });
  });

  it("finds a block that is gone", () => {
    const address = sealed();
    ledgers[0]!.add({ address, pageCount: 0 });
    heap.free(address);
    expect(look()).toMatchObject({ lostBlocks: 1, problems: [`the piece at ${address} is lost`] });
  });

  it("finds a block that two threads have", () => {
    const address = sealed();
    for (const ledger of ledgers) ledger.add({ address, pageCount: 0 });
    expect(look()).toMatchObject({ lostBlocks: 1, problems: [`two threads have the piece at ${address}`] });
  });

  it("finds a block that nobody has, unless a dead thread had it in its hands", () => {
    const address = sealed();
    expect(look()).toMatchObject({ lostBlocks: 1, problems: [`nobody has the live block at ${address}, of slot 0`] });
    expect(look([address])).toMatchObject({ lostBlocks: 0, problems: [], orphans: [address] });
  });

  it("finds pages that nobody has, and pages that are gone", () => {
    const address = heap.pages.alloc(4);
    expect(look()).toMatchObject({ lostPages: 4, problems: ["4 pages are allocated, and 0 are held by somebody"] });
    ledgers[0]!.add({ address, pageCount: 4 });
    heap.pages.free(address, 4);
    expect(look().lostPages).toBeGreaterThanOrEqual(4);
  });

  it("finds a block in the exchange that somebody wrote to", () => {
    const address = sealed();
    Atomics.store(board, Board.EXCHANGE, address);
    heap.i32(address).fill(7);
    expect(look()).toMatchObject({ lostBlocks: 1 });
  });

  it("tells what check() finds", () => {
    const address = sealed();
    ledgers[0]!.add({ address, pageCount: 0 });
    const { memory, pages } = layersOf(heap);
    // The count of free blocks, third word of the record of the slab.
    memory.words[pages.frames.record(address >>> 12) + 2]! ^= 1;
    expect(look().findings).toBeGreaterThan(0);
    expect(look().problems[0]).toMatch(/^check: /);
  });
});
