import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { withTempDir } from "../../../kmem-cli/test/trace/support.ts";
import { inlineTables } from "../../src/bundle/inline-constants.ts";

it("writes the numbers of constant tables in their places, and nothing else", async () => {
  await withTempDir(async (folder) => {
    writeFileSync(
      join(folder, "layout.ts"),
      "export const Header = {\n  FLAGS: 3,\n  NONE: -1,\n  name: 'x',\n} as const;\nexport const Live = { COUNT: 1 };\n",
    );
    const file = join(folder, "user.ts");
    writeFileSync(
      file,
      'import { Header as H, Live } from "./layout.ts";\nlet a: number = H.FLAGS + H.NONE;\nlet b = [H.name, Live.COUNT, H["FLAGS"]];\n',
    );
    const [, first, second] = (await inlineTables(file)).split("\n");
    expect(first).toMatch(/^let a\s+= 3 \+ \(-1\);$/);
    expect(second).toBe('let b = [H.name, Live.COUNT, H["FLAGS"]];');
  });
});
