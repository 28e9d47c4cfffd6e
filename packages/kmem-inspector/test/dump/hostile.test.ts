import { KmemError } from "kmem";
import { expect, it } from "vitest";
import { Random } from "../../../kmem/test/support/random.ts";
import { mutate } from "../../../kmem-cli/test/dumps/mutate.ts";
import { scenes } from "../../../kmem-cli/test/dumps/scenes.ts";
import { addressAnswer, cacheDetail, orderAnswer } from "../../src/dump/answers.ts";
import { PAGE_GRANULES, paintGranules } from "../../src/dump/blocks.ts";
import { compareDumps } from "../../src/dump/comparison.ts";
import { DumpModel } from "../../src/dump/dump-model.ts";
import { MAP_MODES, mapLayer } from "../../src/dump/frame-modes.ts";
import { BytesSource } from "../../src/sources/byte-source.ts";

const MUTANTS = 120;

/** Asks everything of a model that a page asks. */
function askAll(model: DumpModel, random: Random): void {
  for (const { id } of MAP_MODES) mapLayer(model, id);
  for (const { kind } of model.caches.values()) cacheDetail(model, kind);
  for (let count = 0; count < 40; count++) {
    const frame = random.below(model.memory.pageCount + 1);
    paintGranules(model, frame, new Uint8Array(PAGE_GRANULES));
    addressAnswer(model, frame * 4096 + random.below(4096));
  }
  orderAnswer(model, 3);
}

it("answers of damaged dumps what it can, and refuses what is none", () => {
  const all = scenes();
  const random = new Random(11);
  let openedCount = 0;
  for (let count = 0; count < MUTANTS; count++) {
    const { name, dump } = mutate(all, random);
    let model: DumpModel;
    try {
      model = new DumpModel(new BytesSource(dump));
    } catch (error) {
      expect(error, name).toBeInstanceOf(KmemError);
      continue;
    }
    openedCount += 1;
    askAll(model, random);
    compareDumps(new DumpModel(new BytesSource(all[0]!.dump)), model);
  }
  expect(openedCount).toBeGreaterThan(MUTANTS / 2);
});

it("opens no bytes that are no dump", () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(10), new Uint8Array(5000).fill(7)]) {
    expect(() => new DumpModel(new BytesSource(bytes))).toThrow(KmemError);
  }
});
