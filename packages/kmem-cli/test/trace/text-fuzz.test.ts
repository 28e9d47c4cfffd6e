import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_LINE_BYTES } from "../../src/trace/line-splitter.ts";
import { OpModel } from "./op-model.ts";
import { cutLine, ftraceLine, PERF_EVENTS, perfLine, quotedPrintable, SIX_EVENTS, wrapLine } from "./six-events.ts";
import { bytesOf, cutAt, type KernelResult, readKernelChunks } from "./support.ts";

const RUNS = 600;

const LINES: readonly string[] = [
  ...SIX_EVENTS.map(ftraceLine),
  ...PERF_EVENTS.map(perfLine),
  ...SIX_EVENTS.map((event) => ` 1)               |      /* ${event} */`),
  ...PERF_EVENTS.map((event) => `> ${wrapLine(`kmem:${event}`, 60, "\n> ")}`),
  ...SIX_EVENTS.map((event, index) => quotedPrintable(ftraceLine(event, index))),
  ...SIX_EVENTS.map((event, index) => cutLine(ftraceLine(event, index), 70, "\\\n")),
  "     0.004 prog/171 kmem:kmem_cache_free(call_site: 1, ptr: 0xffff888101aee200)",
  "        ffffffff8123abcd alpha+0x1 ([kernel])",
  "CPU:0 [LOST 82 EVENTS]",
  "# tracer: nop",
  " 1)   0.123 us    |    beta_put();",
  "kfree: call_site=a ptr=(____ptrval____)",
  "@ ./prog:[0x401136] + 0x55d5c8e2a2a0 0x64",
];
/** What mailers, terminals and accidents put into a line. */
const SCRAPS: readonly string[] = [
  ..."\n \t\r\\=>|:[](){}&;<*/,\"'\x1b\0",
  "=\n",
  "=3D",
  "\\\n",
  "\n> ",
  " \n",
  "\x1b[31m",
  "&gt;",
  " ptr=",
  "0x",
  "kfree:",
  " kmem:kmalloc: ",
  " [000] ",
  " 4.5: ",
  "kmem:kfree(",
  "\xef\xbb\xbf",
];

function expectCounted({ counts, broken, ops }: KernelResult): void {
  const { total, ranOn, ...kinds } = counts.lines;
  const sorted = Object.values(kinds).reduce((sum, count) => sum + count, 0);
  expect(sorted + broken.count).toBe(total + ranOn);
  new OpModel().replay(ops);
}

const mutation = fc.record({
  at: fc.nat(10_000),
  removed: fc.oneof(fc.constant(0), fc.nat(12)),
  inserted: fc.oneof(fc.constant(""), fc.constantFrom(...SCRAPS), fc.string({ unit: "binary-ascii", maxLength: 3 })),
});

describe("mutated kernel text", () => {
  it(`has every line counted once, whatever happened to it (${RUNS} texts)`, () => {
    const lines = fc.array(fc.constantFrom(...LINES), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        lines,
        fc.array(mutation, { maxLength: 6 }),
        fc.array(fc.nat(3000), { maxLength: 3 }),
        (some, mutations, cuts) => {
          let text = some.join("\n");
          for (const { at, removed, inserted } of mutations) {
            const place = at % (text.length + 1);
            text = text.slice(0, place) + inserted + text.slice(place + removed);
          }
          const bytes = bytesOf(text);
          const whole = readKernelChunks([bytes]);
          expectCounted(whole);
          const inChunks = readKernelChunks(cutAt(bytes, cuts));
          expect(inChunks.ops).toEqual(whole.ops);
          expect(inChunks.counts).toEqual(whole.counts);
          expect(inChunks.broken).toEqual(whole.broken);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it("has no event of the lines before counted in a stack's", () => {
    const lines = [
      "            prog-171     [000] .....     4.366664: kmem_cache_free: call_si=",
      "te=3Dbeta_put+0x1/0x20 ptr=3D00000000a1b2c3e4 nam            prog-171     [000] .....     4.366665: " +
        "kfree: call_site=alpha_close+0x1/0x20 ptr=00000000a1b2c3d4",
      "        ffffffff8123abcd alpha+0x1 ([kernel])",
      "EL|__GFP_COMP",
    ];
    const text = lines.join("\n");
    const whole = readKernelChunks([bytesOf(text)]);
    expect(whole.counts.lines).toMatchObject({ stack: 1, ranOn: 1 });
    for (let cut = 1; cut < text.length; cut++) {
      expect(readKernelChunks(cutAt(bytesOf(text), [cut])).counts).toEqual(whole.counts);
    }
  });

  it.each([
    "kfree: ptr= ",
    "kfree:ptr=1 ",
    "kmem:kmalloc(ptr: ",
    "> ",
    "| ",
    "\x1b[",
    "=3D",
    "=",
    "&#",
    "&gt;",
    "<pre ",
    " [0",
    "0 | ",
    "1.5: ",
    "1: ",
    " ",
    "(",
    "a.b(",
    "1",
    "f",
    "\\",
    "[1.123456] ",
    "CPU: ",
    "ESC[",
    "^[[",
    "/*",
    "k/",
    "kmalloc/",
    '"',
    "malloc(",
    "A ",
  ])("takes time and memory linear in the length of lines of %j", (unit) => {
    const lineOf = (bytes: number): string => unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);
    // Far below a second for all of it when linear; for ever when a line costs the square of its length.
    const text = `${lineOf(MAX_LINE_BYTES)}\n`.repeat(3) + lineOf(3 * MAX_LINE_BYTES);
    const result = readKernelChunks([bytesOf(text)]);
    expectCounted(result);
    expect(result.counts.lines.total).toBe(4);
  });

  it("holds on to no more than one long line of lines that go on for ever", () => {
    const result = readKernelChunks([bytesOf("kfree: call_site=a \\\n".repeat(20_000))]);
    expectCounted(result);
    expect(result.counts.lines.kmemEvent).toBe(0);
    expect(result.broken.count).toBeGreaterThan(1000);
    expectCounted(readKernelChunks([bytesOf("call_site=3Da=\n".repeat(20_000))]));
    expectCounted(readKernelChunks([bytesOf("prog-1 [000] ..... \n".repeat(20_000))]));
  });
});
