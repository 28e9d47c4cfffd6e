import { describe, expect, it } from "vitest";
import { thrownBy } from "../support/expectations.ts";
import { PAGE } from "../support/memories.ts";
import { expectFault, expectUnchanged, makeVmalloc, type VmallocSubject } from "./support.ts";

/** An area whose pages lie in the buffer in reverse order, so that no two neighbours are in a row. */
function scattered(pageCount: number): { subject: VmallocSubject; address: number } {
  const subject = makeVmalloc();
  const run = subject.takePages(pageCount);
  const pages = Array.from({ length: pageCount }, (_, index) => run + (pageCount - 1 - index) * PAGE);
  return { subject, address: subject.vmalloc.vmap(pages) };
}

type Numeric = "U8" | "I8" | "U16" | "I16" | "U32" | "I32" | "F32" | "F64";
const NUMBERS: readonly (readonly [Numeric, number, number, number])[] = [
  // name, bytes, value written, value read
  ["U8", 1, 0x1ff, 0xff],
  ["I8", 1, -3, -3],
  ["U16", 2, 0x1_8001, 0x8001],
  ["I16", 2, -30_000, -30_000],
  ["U32", 4, 0xfedcba98, 0xfedcba98],
  ["I32", 4, -123_456_789, -123_456_789],
  ["F32", 4, 0.1, Math.fround(0.1)],
  ["F64", 8, Math.PI, Math.PI],
];
const BIG_NUMBERS = [
  ["U64", 0x1_0123_4567_89ab_cdefn, 0x0123_4567_89ab_cdefn],
  ["I64", -5n, -5n],
] as const;

describe.each(NUMBERS)("a value of type %s", (type, sizeBytes, written, expected) => {
  it("is written and read at every place around a page boundary", () => {
    const { subject, address } = scattered(3);
    const { vmalloc } = subject;
    for (let at = address + PAGE - 9; at <= address + PAGE + 1; at++) {
      vmalloc.fill(address, 3 * PAGE, 0xee);
      vmalloc[`write${type}`](at, written);
      expect(vmalloc[`read${type}`](at)).toBe(expected);
      const bytes = vmalloc.readBytes(address, 3 * PAGE);
      expect(bytes.filter((byte) => byte === 0xee).length).toBeGreaterThanOrEqual(3 * PAGE - sizeBytes);
      bytes.fill(0xee, at - address, at - address + sizeBytes);
      expect(bytes.every((byte) => byte === 0xee)).toBe(true);
    }
  });

  it("is little-endian, as in WebAssembly", () => {
    const { subject, address } = scattered(2);
    const { vmalloc } = subject;
    vmalloc[`write${type}`](address + PAGE - 1, written);
    const plain = new DataView(vmalloc.readBytes(address + PAGE - 1, sizeBytes).buffer);
    const names = { U: "Uint", I: "Int", F: "Float" } as const;
    const method = `get${names[type[0] as "U" | "I" | "F"]}${type.slice(1)}` as "getFloat64";
    expect(plain[method](0, true)).toBe(expected);
  });

  it("faults on the first byte that is not mapped and changes nothing", () => {
    const { subject, address } = scattered(2);
    const { vmalloc } = subject;
    const end = address + 2 * PAGE;
    for (let at = end - sizeBytes + 1; at <= end + 1; at++) {
      expectFault(subject, Math.max(at, end), () => vmalloc[`read${type}`](at));
      expectFault(subject, Math.max(at, end), () => vmalloc[`write${type}`](at, written));
    }
    expectFault(subject, address - 1, () => vmalloc[`read${type}`](address - 1));
    expectFault(subject, address - 1, () => vmalloc[`write${type}`](address - 1, written));
    vmalloc[`write${type}`](end - sizeBytes, written);
    expect(vmalloc[`read${type}`](end - sizeBytes)).toBe(expected);
  });
});

describe.each(BIG_NUMBERS)("a value of type %s", (type, written, expected) => {
  it("is written and read at every place around a page boundary", () => {
    const { subject, address } = scattered(2);
    for (let at = address + PAGE - 9; at <= address + PAGE + 1; at++) {
      subject.vmalloc[`write${type}`](at, written);
      expect(subject.vmalloc[`read${type}`](at)).toBe(expected);
    }
    expectFault(subject, address + 2 * PAGE, () => subject.vmalloc[`read${type}`](address + 2 * PAGE - 7));
    expectFault(subject, address + 2 * PAGE, () => subject.vmalloc[`write${type}`](address + 2 * PAGE - 1, written));
  });
});

describe("bytes", () => {
  const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7 + 3) & 0xff);

  it.each([
    [0, 0],
    [5, 1],
    [0, PAGE],
    [PAGE - 1, 2],
    [100, 3 * PAGE],
    [0, 5 * PAGE],
    [3 * PAGE + 1, 2 * PAGE - 1],
  ])("from offset %i, %i of them, come back as they went", (offset, length) => {
    const { subject, address } = scattered(5);
    const { vmalloc, takePages, bytes } = subject;
    vmalloc.fill(address, 5 * PAGE, 0xaa);
    vmalloc.writeBytes(address + offset, pattern(length));
    const all = vmalloc.readBytes(address, 5 * PAGE);
    const expected = new Uint8Array(5 * PAGE).fill(0xaa);
    expected.set(pattern(length), offset);
    expect(Buffer.compare(all, expected)).toBe(0);
    expect(vmalloc.readBytes(address + offset, length)).toEqual(pattern(length));

    const outside = takePages(6);
    bytes().fill(0x11, outside, outside + 6 * PAGE);
    vmalloc.copyOut(address + offset, outside + 50, length);
    expect(Buffer.compare(bytes().subarray(outside + 50, outside + 50 + length), pattern(length))).toBe(0);
    expect(bytes()[outside + 49]).toBe(0x11);
    expect(bytes()[outside + 50 + length]).toBe(0x11);
    vmalloc.fill(address, 5 * PAGE, 0xaa);
    vmalloc.copyIn(address + offset, outside + 50, length);
    expect(Buffer.compare(vmalloc.readBytes(address, 5 * PAGE), expected)).toBe(0);

    vmalloc.fill(address + offset, length, 0x1cc);
    expected.fill(0xcc, offset, offset + length);
    expect(Buffer.compare(vmalloc.readBytes(address, 5 * PAGE), expected)).toBe(0);
  });

  it("come as views in order, as few as the frames allow", () => {
    const { subject, address } = scattered(4);
    const { vmalloc, takePages, bytes } = subject;
    vmalloc.writeBytes(address, pattern(4 * PAGE));
    const views = vmalloc.segments(address + 10, 3 * PAGE);
    expect(views.map((view) => view.length)).toEqual([PAGE - 10, PAGE, PAGE, 10]);
    expect(Buffer.concat(views)).toEqual(Buffer.from(pattern(4 * PAGE).subarray(10, 10 + 3 * PAGE)));
    const last = views.at(-1) as Uint8Array;
    expect(last.buffer).toBe(subject.layers.memory.buffer);
    last[9] = 0x77;
    expect(vmalloc.readU8(address + 3 * PAGE + 9)).toBe(0x77);
    expect(vmalloc.segments(address, 0)).toEqual([]);

    const run = takePages(3);
    const straight = vmalloc.vmap([run, run + PAGE, run + 2 * PAGE]);
    expect(vmalloc.segments(straight + 1, 3 * PAGE - 1)).toEqual([bytes().subarray(run + 1, run + 3 * PAGE)]);
    const mixed = vmalloc.vmap([run + PAGE, run + 2 * PAGE, run]);
    expect(vmalloc.segments(mixed, 3 * PAGE).map((view) => view.length)).toEqual([2 * PAGE, PAGE]);
  });

  it("decode as text across pages", () => {
    const { subject, address } = scattered(2);
    const text = "zażółć gęślą jaźń ".repeat(180).slice(0, 3000);
    const encoded = new TextEncoder().encode(text);
    subject.vmalloc.writeBytes(address + 1001, encoded);
    const decoder = new TextDecoder();
    const views = subject.vmalloc.segments(address + 1001, encoded.length);
    expect(views.length).toBe(2);
    expect(views.map((view) => decoder.decode(view, { stream: true })).join("") + decoder.decode()).toBe(text);
  });

  it("fault on the first page that is not mapped, and then none is changed", () => {
    const { subject, address } = scattered(3);
    const { vmalloc, takePages } = subject;
    const end = address + 3 * PAGE;
    const outside = takePages(4);
    const data = pattern(PAGE + 1);
    expectFault(subject, end, () => vmalloc.readBytes(address, 3 * PAGE + 1));
    expectFault(subject, end, () => vmalloc.writeBytes(end - PAGE, data));
    expectFault(subject, end, () => vmalloc.copyIn(end - PAGE, outside, PAGE + 1));
    expectFault(subject, end, () => vmalloc.copyOut(end - PAGE, outside, PAGE + 1));
    expectFault(subject, end, () => vmalloc.fill(address + 1, 3 * PAGE, 1));
    expectFault(subject, end, () => vmalloc.segments(address, 2 ** 40));
    expectFault(subject, address - 5, () => vmalloc.writeBytes(address - 5, data));
    vmalloc.vunmap(address);
    expectFault(subject, address, () => vmalloc.readBytes(address, 1));
  });

  it("are refused with lengths and buffer addresses that are none", () => {
    const { subject, address } = scattered(2);
    const { vmalloc } = subject;
    const end = subject.bytes().length;
    for (const length of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const act of [
        () => vmalloc.readBytes(address, length),
        () => vmalloc.fill(address, length, 0),
        () => vmalloc.segments(address, length),
        () => vmalloc.copyIn(address, 0, length),
        () => vmalloc.copyOut(address, 0, length),
      ]) {
        expect(expectUnchanged(subject, () => thrownBy(act)).code).toBe("BAD_SIZE");
      }
    }
    for (const place of [-1, 0.5, Number.NaN, end - 9, 2 ** 32]) {
      for (const act of [() => vmalloc.copyIn(address, place, 10), () => vmalloc.copyOut(address, place, 10)]) {
        const error = expectUnchanged(subject, () => thrownBy(act));
        expect(error).toMatchObject({ code: "INVALID_ADDRESS", details: { address: place, lengthBytes: 10 } });
      }
    }
  });
});

describe("a fault", () => {
  it("says what was tried and where", () => {
    const { subject, address } = scattered(1);
    const error = thrownBy(() => subject.vmalloc.writeU32(address + PAGE - 2, 1));
    expect(error.message).toBe("page fault: nothing is mapped at 0x100001000 (write of 4 bytes at 0x100000ffe)");
    expect(error.details).toEqual({
      address: address + PAGE,
      start: address + PAGE - 2,
      lengthBytes: 4,
      access: "write",
    });
  });

  it("meets every number that is no virtual address", () => {
    const { subject, address } = scattered(1);
    const { vmalloc } = subject;
    const wrong = [
      0,
      1,
      -1,
      4096,
      2 ** 32 - 1,
      address + 0.5,
      address + 2 ** 32,
      2 ** 53,
      2 ** 60,
      2 ** 80,
      Number.NaN,
    ];
    for (const bad of [...wrong, -address, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const error = expectUnchanged(subject, () => thrownBy(() => vmalloc.readU8(bad)));
      expect(error.message, String(bad)).toContain("page fault");
      expect(thrownBy(() => vmalloc.writeF64(bad, 1)).message).toContain("page fault");
      expect(vmalloc.vmallocToPage(bad)).toBe(0);
    }
  });
});
