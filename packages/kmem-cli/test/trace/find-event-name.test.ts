import { describe, expect, it } from "vitest";
import { emptyAnchor, findEventAnchor } from "../../src/trace/find-event-name.ts";
import { KERNEL_EVENT, KERNEL_EVENT_NAMES } from "../../src/trace/kernel-events.ts";
import { bytesOf } from "./support.ts";

/** What stands before the event, and its text; undefined where none is found. */
function find(line: string): readonly [before: string, text: string, isCall: boolean] | undefined {
  // What stands before and behind a line in its chunk must not matter.
  const bytes = bytesOf(`x${line}=`);
  const anchor = emptyAnchor();
  if (!findEventAnchor(bytes, 1, line.length + 1, anchor)) return undefined;
  expect(KERNEL_EVENT_NAMES[anchor.code]).toBe("kfree");
  expect(anchor.code).toBe(KERNEL_EVENT.KFREE);
  return [line.slice(0, anchor.start - 1), line.slice(anchor.textStart - 1), anchor.isCall];
}

describe("findEventAnchor", () => {
  it.each([
    ["kfree: call_site=f", "", " call_site=f"],
    ["a kmem:kfree: ptr=1", "a ", " ptr=1"],
    ["/*kfree:ptr=1", "/*", "ptr=1"],
    ["4.5:kfree: ptr=1", "4.5:", " ptr=1"],
    ["38us :kfree: ptr=1", "38us :", " ptr=1"],
    ["tracepoint:kmem:kfree: ptr=1", "tracepoint:", " ptr=1"],
    ["kmem:kfree:k: ptr=1", "", " ptr=1"],
    ["kmem:kfree/call-graph=fp/: ptr=1", "", " ptr=1"],
    ["4.5 kfree ptr=1", "4.5 ", " ptr=1"],
    ["kfree:   (f+0x1) ptr=1", "", "   (f+0x1) ptr=1"],
    ["kfree:", "", ""],
    ["kfree: call_s", "", " call_s"],
    ["kmalloc: kfree: ptr=1", "kmalloc: ", " ptr=1"],
  ])("finds it in %j", (line, before, text) => {
    expect(find(line)).toEqual([before, text, false]);
  });

  it("finds the form of perf trace", () => {
    expect(find("0.1 p/1 kmem:kfree(call_site: 1, ptr: 2)")).toEqual(["0.1 p/1 ", "(call_site: 1, ptr: 2)", true]);
  });

  it.each([
    "",
    "k",
    "kfree",
    "kfree it",
    "kfree: it is",
    "kfree: -171",
    "xen:kfree: ptr=1",
    "xkmem:kfree: ptr=1",
    "call_site=kfree: ptr=1",
    "my_kfree: ptr=1",
    "prog-kfree: ptr=1",
    "a.kfree: ptr=1",
    "kfree_rcu: ptr=1",
    "kfree+0x1 ptr=1",
    "kfree(p)",
    "kfree (f+0x1)",
    "KFREE: ptr=1",
  ])("finds none in %j", (line) => {
    expect(find(line)).toBeUndefined();
  });
});
