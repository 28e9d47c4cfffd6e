// Every invariant of a cluster's heap, broken by a stray write, is found; and the check ends on any bytes.
import { beforeEach, describe, expect, it } from "vitest";
import { DescriptorWord, LockWord } from "../../src/cluster/layout.ts";
import { type Giet, GietError, giet, VOBJ_TYPE_HEAP } from "../../src/kernels/giet/giet.ts";
import { Random } from "../support/random.ts";

const BASE = 0x5000_0000;
const LENGTH = 0x1_0000;
const ALLOC = 0xfc00;
const DESCRIPTOR = LENGTH / 4;

let words: Uint32Array;
let bytes: Uint8Array;
let machine: Giet;

beforeEach(() => {
  const memory = new SharedArrayBuffer(2 * LENGTH);
  words = new Uint32Array(memory);
  bytes = new Uint8Array(memory);
  machine = giet(
    { clusters: [[{ memory, vsegs: [{ type: VOBJ_TYPE_HEAP, base: BASE, length: LENGTH }] }]] },
    { print: () => undefined },
  );
  machine._heap_init();
  // One block of 128 at +f800; free[7] = +f880, free[8] = +f900, free[9] = +fa00.
  machine._remote_malloc(100, 0, 0);
  expect(machine.check()).toEqual({ isClean: true, findings: [] });
});

const set = (at: number, value: number) => () => {
  words[at] = value;
};
const free = (shift: number): number => DESCRIPTOR + DescriptorWord.FREE + shift;

const damage: readonly (readonly [string, () => void, RegExp])[] = [
  ["another heap's base", set0(DescriptorWord.HEAP_BASE, BASE + LENGTH), /the descriptor names another heap/],
  ["another size", set0(DescriptorWord.HEAP_SIZE, 2 * LENGTH), /the descriptor names another heap/],
  ["another alloc[]", set0(DescriptorWord.ALLOC_BASE, BASE), /the descriptor names another alloc/],
  ["another size of alloc[]", set0(DescriptorWord.ALLOC_SIZE, 64), /the descriptor names another alloc/],
  ["a held lock", set0(LockWord.FREE, 7), /the lock is held/],
  ["an owner of a free lock", set0(LockWord.OWNER, 7), /the lock is held/],
  ["a lost list", set(free(15), 0), /bytes of the heap belong to no block/],
  ["a list of blocks too small", set(free(5), BASE), /free\[5\] holds what is no free block/],
  ["a block in the list of another size", set(free(14), BASE + 0xc000), /free\[14\] holds what is no free block/],
  ["a block that is not aligned", set(free(9), BASE + 0xfa40), /free\[9\] holds what is no free block/],
  ["a block over alloc[]", set(free(10), BASE + ALLOC), /free\[10\] holds what is no free block/],
  ["a block before the heap", set(free(9), BASE - 512), /free\[9\] holds what is no free block/],
  ["an allocated block in a list", set(free(7), BASE + 0xf800), /free\[7\] holds what is no free block/],
  ["a list in a circle", set(0xfa00 / 4, BASE + 0xfa00), /holds it twice/],
  ["a link out of the heap", set(0xfa00 / 4, 12), /free\[9\] holds what is no free block/],
  [
    "an allocation lost from alloc[]",
    () => {
      bytes[ALLOC + 0xf800 / 64] = 0;
    },
    /bytes of the heap belong to no block/,
  ],
  [
    "an allocation of a size that there is not",
    () => {
      bytes[ALLOC + 0xf800 / 64] = 3;
    },
    /alloc\[\] names a block of 2\^3 bytes that cannot stand here/,
  ],
  [
    "an allocation that is not aligned",
    () => {
      bytes[ALLOC + 0xf800 / 64] = 12;
    },
    /alloc\[\] names a block of 2\^12 bytes that cannot stand here/,
  ],
  [
    "an allocation within alloc[] itself",
    () => {
      bytes[LENGTH - 1] = 6;
    },
    /alloc\[\] names a block of 2\^6 bytes that cannot stand here/,
  ],
  [
    "two halves that are not merged",
    () => {
      bytes[ALLOC + 0xf800 / 64] = 0;
      words[0xf800 / 4] = words[free(7)] as number;
      words[free(7)] = BASE + 0xf800;
    },
    /two halves of a block are free and not merged, in free\[7\]/,
  ],
];

function set0(field: number, value: number): () => void {
  return set(DESCRIPTOR + field, value);
}

describe("the check of a cluster's heap", () => {
  it.each(damage)("finds %s", (_name, doDamage, problem) => {
    doDamage();
    const { isClean, findings } = machine.check();
    expect(isClean).toBe(false);
    expect(findings.map((finding) => finding.problem).join("\n")).toMatch(problem);
    expect(findings[0]?.layer).toBe("cluster");
  });

  it("ends on any bytes in descriptor, alloc[] and links, and calls end with a block, NULL or a GIET error", () => {
    const random = new Random(7);
    const lockWords = 16;
    for (let round = 0; round < 2000; round++) {
      if (round % 50 === 0) machine._heap_init();
      const place = random.below(3);
      if (place === 0) words[DESCRIPTOR + lockWords + 4 + random.below(32)] = BASE + 32 * random.below(LENGTH / 32);
      else if (place === 1) bytes[ALLOC + random.below(0x400)] = random.below(256);
      else words[random.below(ALLOC / 4)] = random.below(2) === 0 ? BASE + random.below(LENGTH) : random.below(2 ** 32);
      machine.check();
      for (const call of [
        () => machine._remote_malloc(random.size(3000), 0, 0),
        () => machine._free(BASE + 64 * round),
      ]) {
        try {
          call();
        } catch (error) {
          if (!(error instanceof GietError)) throw error;
        }
      }
    }
    expect(machine.check().isClean).toBe(false);
  });
});
