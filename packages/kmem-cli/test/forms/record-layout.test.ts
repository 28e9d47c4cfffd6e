import { describe, expect, it } from "vitest";
import { parseFields } from "../../src/forms/event-format.ts";
import { layoutOf } from "../../src/forms/record-layout.ts";

function described(name: string, ...fields: readonly string[]) {
  const lines = fields.map((field, index) => `\tfield:u64 ${field};\toffset:${8 + index * 8};\tsize:8;\tsigned:0;\n`);
  return layoutOf({ system: "kmem", name, id: 1, fields: parseFields(lines.join("")) });
}

describe("the layout of a tracepoint's records", () => {
  it("has the fields of its own kind of event alone, whatever a damaged description gives it", () => {
    expect(described("kfree", "ptr", "bytes_req")).toMatchObject({ requested: undefined, allocated: undefined });
    expect(described("mm_page_free", "ptr", "pfn", "order")).toMatchObject({ pointer: undefined });
    expect(described("kmalloc", "ptr", "bytes_req", "bytes_alloc", "pfn")).toMatchObject({ pageFrame: undefined });
  });

  it("is refused where a field is missing that its kind of event needs", () => {
    expect(described("kmalloc", "ptr", "bytes_req")).toBe("kmalloc: the file's description of it lacks bytes_alloc");
  });
});
