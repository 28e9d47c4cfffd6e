import { describe, expect, it } from "vitest";
import { CacheRegistry } from "../../src/trace/cache-registry.ts";
import { NameTable, NO_NAME } from "../../src/trace/name-table.ts";
import { bytesOf } from "./support.ts";

describe("CacheRegistry", () => {
  const names = new NameTable();
  const nameId = (name: string): number => names.intern(bytesOf(name), 0, name.length);

  it("tells caches apart by name and by either size, with ids from 0 up", () => {
    const registry = new CacheRegistry();
    const ids = [
      registry.allocFrom(NO_NAME, 96, 104),
      registry.allocFrom(NO_NAME, 96, 112),
      registry.allocFrom(NO_NAME, 88, 104),
      registry.allocFrom(NO_NAME, 104, 96),
      registry.allocFrom(nameId("filp"), 96, 104),
      registry.allocFrom(nameId("pid"), 96, 104),
    ];
    expect(ids).toEqual([0, 1, 2, 3, 4, 5]);
    expect(registry.allocFrom(NO_NAME, 88, 104)).toBe(2);
    expect(registry.allocFrom(nameId("filp"), 96, 104)).toBe(4);
    expect(registry.cacheCount).toBe(6);
    expect(registry.caches(names)[2]).toEqual({
      objectBytes: 88,
      allocBytes: 104,
      name: undefined,
      aliases: [],
      allocCount: 2,
    });
  });

  it("keeps each other name that a free gives once", () => {
    const registry = new CacheRegistry();
    const cacheId = registry.allocFrom(nameId("filp"), 96, 104);
    for (const name of ["filp", "pid", "pid", "filp", "cred", "pid", ""]) registry.addAlias(cacheId, nameId(name));
    expect(registry.caches(names)[0]).toMatchObject({ name: "filp", aliases: ["pid", "cred"] });
  });
});
