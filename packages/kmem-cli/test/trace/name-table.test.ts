import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NameTable, NO_NAME, OVERFLOW_NAME } from "../../src/trace/name-table.ts";
import { bytesOf } from "./support.ts";

function intern(table: NameTable, name: string): number {
  const bytes = bytesOf(`<${name}>`);
  return table.intern(bytes, 1, bytes.length - 1);
}

describe("NameTable", () => {
  it("knows the empty name from the start", () => {
    const table = new NameTable();
    expect(intern(table, "")).toBe(NO_NAME);
    expect(table.name(NO_NAME)).toBe("");
  });

  it("gives one id to one name and different ones to different names", () => {
    const name = fc.string({ unit: "binary", maxLength: 12 }).map((text) => Buffer.from(text).toString("latin1"));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 60 }), (names) => {
        const table = new NameTable();
        const ids = names.map((each) => intern(table, each));
        expect(names.map((each) => intern(table, each))).toEqual(ids);
        expect(new Set(ids).size).toBe(new Set(names).size);
        expect(ids.map((id) => table.name(id))).toEqual(names.map((each) => each.replace(/[^ -~]/g, ".")));
      }),
    );
  });

  it("finds every name again, however many there are", () => {
    const table = new NameTable(3000);
    const names = Array.from({ length: 4000 }, (_, index) => `name ${index}`);
    const ids = names.map((name) => intern(table, name));
    expect(names.map((name) => intern(table, name))).toEqual(ids);
    expect(new Set(ids).size).toBe(3000);
  });

  it("shows nothing that a terminal would act on", () => {
    const table = new NameTable();
    expect(table.name(intern(table, "\x1b[2Jfilp\x07\xff"))).toBe(".[2Jfilp..");
  });

  it("puts all names beyond its limit under one, and still knows the early ones", () => {
    const table = new NameTable(4);
    const early = ["a", "b", "c"].map((name) => intern(table, name));
    const late = ["d", "e", "f"].map((name) => intern(table, name));
    expect(new Set(late).size).toBe(1);
    expect(table.name(late[0]!)).toBe(OVERFLOW_NAME);
    expect(["a", "b", "c"].map((name) => intern(table, name))).toEqual(early);
  });
});
