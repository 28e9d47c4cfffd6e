import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { ProtobufMessage } from "../../src/profile/protobuf.ts";

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Inner { int64 number = 1; string text = 15; }
  message Outer { int64 number = 1; repeated int64 numbers = 2; string text = 16; repeated Inner inner = 2047; }
`);
const outer = root.lookupType("Outer");

describe("a protobuf message", () => {
  it("reads as it was written, whatever its numbers and texts", () => {
    const number = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, -1));
    const text = fc.string({ unit: "binary", maxLength: 400 }).map((any) => any.toWellFormed());
    fc.assert(
      fc.property(number, fc.array(number), text, text, (one, many, long, inside) => {
        const inner = new ProtobufMessage().integer(1, one).text(15, inside);
        const bytes = new ProtobufMessage().integer(1, one).integers(2, many).text(16, long);
        const read = outer.toObject(outer.decode(bytes.message(2047, inner).message(2047, inner).toBytes()), {
          longs: String,
          defaults: true,
        });
        const inners = { number: `${one}`, text: inside };
        expect(read).toEqual({ number: `${one}`, numbers: many.map(String), text: long, inner: [inners, inners] });
      }),
      { numRuns: 60, seed: 6 },
    );
  });

  it("takes the whole range of a signed number of 64 bits", () => {
    for (const value of [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n]) {
      const bytes = new ProtobufMessage().integer(1, value).toBytes();
      expect(outer.toObject(outer.decode(bytes), { longs: String })["number"]).toBe(`${value}`);
    }
  });

  it("gives a copy: what is written later does not change it", () => {
    const message = new ProtobufMessage().integer(1, 1);
    const before = message.toBytes();
    message.integer(1, 2);
    expect([...before]).toEqual([0x08, 1]);
  });
});
