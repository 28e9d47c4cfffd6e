import { expect, it } from "vitest";
import { adoptStreaming } from "../../../src/wasm/index.ts";
import { buildModule } from "../support/module-builder.ts";
import { toyFree, toyMalloc } from "../support/toy-allocator.ts";

const bytes = buildModule({ functions: [toyMalloc(), toyFree()] });

it("a module that is being fetched is adopted and compiled", async () => {
  const { module, adopted } = await adoptStreaming(Promise.resolve(new Response(bytes)));
  expect(adopted.imports).toEqual(["malloc", "free"]);
  expect(WebAssembly.Module.imports(module)).toEqual([
    { module: "kmem", name: "malloc", kind: "function" },
    { module: "kmem", name: "free", kind: "function" },
  ]);
});

it("what was not fetched, and what is no module, is refused", async () => {
  const missing = new Response("not found", { status: 404 });
  await expect(adoptStreaming(missing)).rejects.toMatchObject({ code: "BAD_ARGUMENT", details: { status: 404 } });
  await expect(adoptStreaming(new Response("text"))).rejects.toMatchObject({ code: "BAD_MODULE" });
  await expect(adoptStreaming(Promise.reject(new Error("offline")))).rejects.toThrow("offline");
});
