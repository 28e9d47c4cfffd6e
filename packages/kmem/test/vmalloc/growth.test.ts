import { describe, expect, it } from "vitest";
import { attachLayers } from "../../src/kmalloc/attach.ts";
import { LinearMemory } from "../../src/memory/memory.ts";
import { Vmalloc } from "../../src/vmalloc/vmalloc.ts";
import { MIB, PAGE } from "../support/memories.ts";
import { expectUnchanged, makeVmalloc } from "./support.ts";

/** Bytes of the area that the other object makes, far more than the memory has at first. */
const FAR_BYTES = 8 * MIB;

/** What an object may do first after another one has grown the memory. */
const FIRST_ACTIONS: readonly (readonly [string, (own: Vmalloc, far: number, last: number) => void])[] = [
  ["readU8", (own, _far, last) => expect(own.readU8(last)).toBe(77)],
  ["readU16", (own, _far, last) => expect(own.readU16(last)).toBe(77)],
  ["readF64", (own, _far, last) => expect(own.readF64(last - 4)).toBeGreaterThan(0)],
  ["a read across pages", (own, far) => expect(own.readU32(far + PAGE - 2)).toBe(0x01020304)],
  ["writeU32", (own, _far, last) => own.writeU32(last, 5)],
  ["a write across pages", (own, far) => own.writeU32(far + PAGE - 2, 5)],
  ["readBytes", (own, _far, last) => expect(own.readBytes(last, 1)[0]).toBe(77)],
  ["writeBytes", (own, far) => own.writeBytes(far + PAGE, Uint8Array.of(1, 2, 3))],
  ["fill", (own, far) => own.fill(far + PAGE, 3 * PAGE, 4)],
  ["segments", (own, _far, last) => expect(own.segments(last, 4)[0]?.[0]).toBe(77)],
  ["copyOut", (own, far, last) => own.copyOut(last, own.vmallocToPage(far), 4)],
  ["vmallocToPage", (own, _far, last) => expect(own.vmallocToPage(last)).toBeGreaterThan(MIB)],
  ["areas", (own) => expect(own.areas().map(({ caller }) => caller)).toEqual(["near", "far"])],
  ["findArea", (own, far) => expect(own.findArea(far)?.pageCount).toBe(FAR_BYTES / PAGE)],
  ["stats", (own) => expect(own.stats().areaCount).toBe(2)],
  ["reasonUnavailable", (own) => expect(own.reasonUnavailable(12 * MIB)).toBe("no pages")],
  ["check", (own) => own.check((_address, problem) => expect.unreachable(problem))],
  ["vmalloc", (own) => expect(own.vmalloc(PAGE)).not.toBe(0)],
  ["vzalloc", (own) => expect(own.readU8(own.vzalloc(PAGE))).toBe(0)],
  ["a refused vfree", (own, far) => expect(own.vfree(far + PAGE)).toBe("nonexistent")],
  ["vfree", (own, far) => expect(own.vfree(far)).toBe("freed")],
  ["destroy", (own) => own.destroy()],
];

describe.each([
  ["shared", true],
  ["unshared", false],
])("virtual memory in growing %s memory", (_name, shared) => {
  const options = { sizeBytes: MIB, maximumBytes: 16 * MIB, shared };

  it("grows it for its areas, and only for what may fit", () => {
    const subject = makeVmalloc(options);
    const { vmalloc, layers } = subject;
    const { byteLength } = layers.memory;
    expect(expectUnchanged(subject, () => vmalloc.vmalloc(15 * MIB))).toBe(0);
    expect(layers.memory.byteLength).toBe(byteLength);
    const address = vmalloc.vmalloc(10 * MIB);
    expect(address).not.toBe(0);
    vmalloc.writeF64(address + 10 * MIB - 8, 1.25);
    expect(vmalloc.readF64(address + 10 * MIB - 8)).toBe(1.25);
    expect(layers.memory.byteLength).toBeGreaterThan(10 * MIB);
    expect(subject.findings()).toEqual([]);
  });

  it.each(FIRST_ACTIONS)("has been grown by another object when it does %s", (action, act) => {
    const { vmalloc, layers, anchorAddress, findings } = makeVmalloc(options);
    const near = vmalloc.vmalloc(5000, { caller: "near" });
    vmalloc.writeU32(near, 1);
    const start = layers.geometry.baseFrame * PAGE;
    const other = Vmalloc.attach(attachLayers(new LinearMemory(layers.memory.source), start), anchorAddress);
    const far = other.vmalloc(FAR_BYTES, { caller: "far" });
    const last = far + FAR_BYTES - 4;
    other.writeF64(last - 4, 3);
    other.writeU32(last, 77);
    other.writeU32(far + PAGE - 2, 0x01020304);
    act(vmalloc, far, last);
    if (action === "destroy") return;
    expect(vmalloc.readU32(near)).toBe(1);
    expect(findings()).toEqual([]);
  });

  it("takes records and tables for its areas from memory that it grows on the way", () => {
    const { vmalloc, layers, findings } = makeVmalloc(options);
    const addresses: number[] = [];
    while (addresses.length < 2500) addresses.push(vmalloc.vmalloc(1));
    expect(addresses).not.toContain(0);
    expect(layers.memory.byteLength).toBeGreaterThan(10 * MIB);
    for (const [index, address] of addresses.entries()) vmalloc.writeU32(address + 100, index);
    expect(addresses.every((address, index) => vmalloc.readU32(address + 100) === index)).toBe(true);
    expect(findings()).toEqual([]);
  });
});
