import fc from "fast-check";
import { expect, it } from "vitest";
import { Nodes } from "../../src/nodes/index.ts";
import { MIB } from "../support/memories.ts";

const CALLS = ["alloc", "tryAlloc", "calloc", "alignedAlloc", "realloc", "free"] as const;

const call = fc.record({
  kind: fc.constantFrom(...CALLS),
  sizeBytes: fc.oneof({ weight: 5, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(45_000) }),
  pick: fc.nat(100),
  alignmentShift: fc.integer({ min: 4, max: 12 }),
  byte: fc.nat(255),
});

it("blocks of a machine of nodes keep every byte, and calloc clears its own", () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
      const nodes = Nodes.create({ nodes: [{ sizeBytes: MIB }, { sizeBytes: MIB }] });
      const live: { address: number; bytes: Uint8Array }[] = [];
      const bytesAt = (address: number, length: number): Uint8Array => nodes.view(Uint8Array, address, length);
      const take = (address: number, byte: number): void => {
        const bytes = new Uint8Array(nodes.usableSize(address)).map((_, index) => byte + index * 7);
        bytesAt(address, bytes.length).set(bytes);
        live.push({ address, bytes });
      };
      const requireSame = (address: number, bytes: Uint8Array): void => {
        if (Buffer.compare(bytesAt(address, bytes.length), bytes) !== 0) throw new Error(`changed at ${address}`);
      };
      for (const { kind, sizeBytes, pick, alignmentShift, byte } of calls) {
        const known = live.length > 0 ? live[pick % live.length] : undefined;
        if (kind === "alloc") take(nodes.alloc(sizeBytes), byte);
        else if (kind === "tryAlloc") take(nodes.tryAlloc(sizeBytes), byte);
        else if (kind === "alignedAlloc") take(nodes.alignedAlloc(2 ** alignmentShift, sizeBytes), byte);
        else if (kind === "calloc") {
          const address = nodes.calloc(sizeBytes, 1);
          requireSame(address, new Uint8Array(sizeBytes));
          take(address, byte);
        } else if (known !== undefined) {
          live.splice(live.indexOf(known), 1);
          if (kind === "free") nodes.free(known.address);
          else {
            const moved = nodes.realloc(known.address, sizeBytes);
            requireSame(moved, known.bytes.subarray(0, Math.min(sizeBytes, known.bytes.length)));
            take(moved, byte);
          }
        }
        for (const { address, bytes } of live) requireSame(address, bytes);
      }
      expect(nodes.check().isClean).toBe(true);
    }),
    { numRuns: 30 },
  );
});
