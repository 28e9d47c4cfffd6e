import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { onEarlyExit, withTempFolder } from "../../src/system/cleanup.ts";

describe("a temporary folder", () => {
  it("is there while it is used, and gone afterwards", async () => {
    let seen = "";
    const result = await withTempFolder(async (folder) => {
      seen = folder;
      writeFileSync(join(folder, "file"), "text");
      return 42;
    });
    expect(result).toBe(42);
    expect(seen).not.toBe("");
    expect(existsSync(seen)).toBe(false);
  });

  it("is gone after an error, too", async () => {
    let seen = "";
    const failing = withTempFolder(async (folder) => {
      seen = folder;
      throw new Error("of no use");
    });
    await expect(failing).rejects.toThrow("of no use");
    expect(existsSync(seen)).toBe(false);
  });
});

describe("what is done at an early exit", () => {
  it("listens to signals only while there is something to do", () => {
    const before = process.listenerCount("SIGINT");
    const forgetFirst = onEarlyExit(() => {});
    const forgetSecond = onEarlyExit(() => {});
    expect(process.listenerCount("SIGINT")).toBe(before + 1);
    forgetFirst();
    forgetFirst();
    expect(process.listenerCount("SIGINT")).toBe(before + 1);
    forgetSecond();
    expect(process.listenerCount("SIGINT")).toBe(before);
  });
});
