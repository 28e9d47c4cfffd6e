import { detectForm } from "kmem-cli/internal/forms/detect-form";
import { formById } from "kmem-cli/internal/forms/known-forms";
import { BrokenLog } from "kmem-cli/internal/trace/broken-log";
import { EventStream } from "kmem-cli/internal/trace/event-context";
import { OP } from "kmem-cli/internal/trace/op-stream";
import { describe, expect, it } from "vitest";
import { TEXT_FORMS, traceText } from "../../src/costs/trace-texts.ts";

const OPS = [
  [OP.MALLOC, 0, 0, 24, 0],
  [OP.MALLOC, 0, 1, 48, 0],
  [OP.REALLOC, 0, 0, 100, 24],
  [OP.FREE, 0, 1, 48, 0],
  [OP.FREE, 0, 0, 100, 0],
].flat();

describe("the texts that readers are measured with", () => {
  it.each(TEXT_FORMS)("are what their readers read: %s", (form) => {
    const bytes = traceText(form, OPS);
    expect(detectForm(bytes, "bytes").id).toBe(form);
    const sizes: number[] = [];
    const broken = new BrokenLog();
    const sink = { op: (_code: number, _align: number, _slot: number, size: number) => void sizes.push(size) };
    const reader = formById(form)!.open({ sink, stream: new EventStream(true), broken });
    reader.push(bytes);
    reader.end(false);
    expect(broken.report().count).toBe(0);
    // heaptrack has a free and an allocation for a realloc.
    expect(sizes).toEqual(form === "heaptrack" ? [24, 48, 24, 100, 48, 100] : [24, 48, 100, 48, 100]);
  });
});
