import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpReader } from "kmem-cli/internal/trace/op-reader";
import { OP, OP_CODE_MASK, OPERATION, WORDS_PER_OP } from "kmem-cli/internal/trace/op-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeChurn } from "../../src/loads/churn.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kmem-churn-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("random churn", () => {
  it("keeps the number of live blocks, frees live slots only, and ends with frees for all of them", () => {
    const { opsPath, closingPath, opCount, live } = makeChurn(50, folder);
    const isLive = new Uint8Array(50);
    let faults = 0;
    for (const path of [opsPath, closingPath]) {
      const reader = new OpReader(path);
      for (let count = reader.next(); count > 0; count = reader.next()) {
        for (let at = 0; at < count * WORDS_PER_OP; at += WORDS_PER_OP) {
          const slot = reader.words[at + OPERATION.SLOT]!;
          const isMalloc = (reader.words[at + OPERATION.CODE]! & OP_CODE_MASK) === OP.MALLOC;
          if ((isLive[slot] === 1) === isMalloc) faults += 1;
          isLive[slot] = isMalloc ? 1 : 0;
        }
      }
      reader.close();
      expect(isLive.filter((one) => one === 1)).toHaveLength(path === opsPath ? 50 : 0);
    }
    expect(faults).toBe(0);
    expect(opCount).toBe(2_000_050);
    expect(live).toMatchObject({ peakLiveBlockCount: 50, liveBlockCountAtEnd: 50 });
  });

  it("is the same each time", () => {
    const first = readFileSync(makeChurn(20, folder).opsPath);
    expect(readFileSync(makeChurn(20, folder).opsPath).equals(first)).toBe(true);
  });
});
