import { fileURLToPath } from "node:url";
import { dumpHeap } from "../../../kmem/src/index.ts";
import { loadSqlite, openDatabase } from "../../../kmem/test/wasm/programs/sqlite.ts";
import { withAdoption } from "../../../kmem/test/wasm/support/adoption.ts";

/** The module of SQLite as npm has it. */
export const SQLITE_MODULE = fileURLToPath(import.meta.resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm"));

/** A dump of the memory of that module, adopted, with a database open in it. */
export async function sqliteDump(): Promise<Uint8Array> {
  const { loaded, program } = await withAdoption({}, loadSqlite);
  openDatabase(loaded);
  return dumpHeap(program().heap);
}
