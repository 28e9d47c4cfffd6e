// Makes the report and the table in docs/memory-bugs.md anew:
// `node packages/kmem/test/debug/catalogue/write-document.ts`
import { readFileSync, writeFileSync } from "node:fs";
import { withParts } from "./document.ts";

const file = new URL("../../../../../docs/memory-bugs.md", import.meta.url);
writeFileSync(file, withParts(readFileSync(file, "utf8")));
