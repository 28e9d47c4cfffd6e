import { describe, expect, it } from "vitest";
import { membersOf, publicSurface } from "./surface.ts";
import { TABLE } from "./table.ts";
import { faultsOf } from "./trials.ts";
import { WORLDS } from "./worlds.ts";

const surface = await publicSurface();

describe("the table", () => {
  it("has a row for every function of every sub-path, class and object, and no others", () => {
    expect(Object.keys(TABLE).toSorted()).toEqual(surface.map(({ name }) => name).toSorted());
  });

  it("has worlds in which nothing is broken, and getters that can be read", () => {
    for (const make of Object.values(WORLDS)) {
      const { subjects, fault } = make();
      for (const subject of Object.values(subjects)) {
        for (const key of membersOf(subject).getters) void (subject as Record<string, unknown>)[key];
      }
      expect(fault()).toBeUndefined();
    }
  });
});

describe("every value that is no argument is refused by a KmemError or a kernel's answer, and no byte changes", () => {
  it.each(surface.filter(({ name }) => TABLE[name] !== undefined).map((one) => [one.name, one] as const))(
    "%s",
    async (name, one) => {
      expect(await faultsOf(one, TABLE[name]!)).toEqual([]);
    },
  );
});
