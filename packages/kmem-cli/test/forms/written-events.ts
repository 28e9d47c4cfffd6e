import { Random } from "../../../kmem/test/support/random.ts";
import type { WrittenEvent } from "./kernel-writer.ts";

const START_NS = 5_000_000_000n;
const SITES = [0xffffffff81000010n, 0xffffffff81000108n, 0xffffffff81000204n, 0xffffffffa0000004n];
const SIZES = [24n, 100n, 500n, 9000n];

/** Events of a kernel's memory manager on some processors, whose frees are of what was allocated on any of them. */
export function writtenEvents(seed: number, count: number, cpuCount: number, longBytes: 4 | 8 = 8): WrittenEvent[] {
  const random = new Random(seed);
  const base = longBytes === 8 ? 0xffff888100000000n : 0xc0000000n;
  const live: { readonly name: string; readonly fields: WrittenEvent["fields"] }[] = [];
  let timeNs = START_NS;
  let next = 1n;
  return Array.from({ length: count }, () => {
    // A pause now and then that takes more than the 27 bits of a time's difference.
    timeNs += random.below(40) === 0 ? 300_000_000n : BigInt(1 + random.below(3000));
    const at = { cpu: random.below(cpuCount), timeNs, pid: random.pick([0, 171, 172, 999]) };
    const call_site = BigInt.asUintN(longBytes * 8, random.pick(SITES));
    if (live.length > 0 && random.below(5) < 2) {
      const { name, fields } = live.splice(random.below(live.length), 1)[0]!;
      return { ...at, name, fields: { ...fields, ...(name === "mm_page_free" ? {} : { call_site }) } };
    }
    next += 1n;
    switch (random.below(6)) {
      case 0: {
        const fields = { pfn: 0x10000n + next * 8n, order: BigInt(random.below(4)) };
        live.push({ name: "mm_page_free", fields });
        return { ...at, name: "mm_page_alloc", fields: { ...fields, gfp_flags: 0xcc0n, migratetype: 1n } };
      }
      case 1:
        return { ...at, name: "kfree", fields: { call_site, ptr: 0n } };
      case 2:
        return { ...at, name: "mm_page_free_batched", fields: { pfn: next } };
      default: {
        const isCache = random.below(2) === 0;
        const ptr = base + next * 0x4000n;
        const bytes_req = isCache ? 360n : random.pick(SIZES);
        const bytes_alloc = isCache ? 384n : 2n * bytes_req;
        live.push({ name: isCache ? "kmem_cache_free" : "kfree", fields: { ptr, ...(isCache && { name: "filp" }) } });
        const fields = { call_site, ptr, bytes_req, bytes_alloc, gfp_flags: 0xcc0n, node: -1n };
        return { ...at, name: isCache ? "kmem_cache_alloc" : "kmalloc", fields };
      }
    }
  });
}
