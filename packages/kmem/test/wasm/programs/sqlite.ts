import sqlite3InitModule from "@sqlite.org/sqlite-wasm";

const ROWS = 1500;
const COUNT = 7;

/** What of its interface is used here. */
interface Database {
  exec(options: { sql: string; bind?: unknown[]; returnValue?: string; rowMode?: string }): unknown[];
  close(): void;
}

export interface Sqlite {
  readonly oo1: { readonly DB: new (name: string, flags: string) => Database };
}

/** SQLite with its own allocator, or with one that whoever calls this has put in its place. */
export async function loadSqlite(): Promise<Sqlite> {
  const initialize = sqlite3InitModule as unknown as (options: object) => Promise<Sqlite>;
  return await initialize({ print: () => {}, printErr: () => {} });
}

/** A database in memory that stays open, with more rows in it than its first pages hold. */
export function openDatabase(sqlite: Sqlite): void {
  const database = new sqlite.oo1.DB(":memory:", "c");
  database.exec({ sql: "create table words (id integer primary key, word text)" });
  for (let row = 0; row < ROWS; row++) {
    const bind = [`word ${row}`.repeat(1 + (row % COUNT))];
    database.exec({ sql: "insert into words (word) values (?)", bind });
  }
}

/** Tables, indexes, text functions and queries: in memory, or in a file of Emscripten's file system. */
export function workOfSqlite(sqlite: Sqlite, fileName: string, scale = 1): string {
  const database = new sqlite.oo1.DB(fileName, "c");
  const results: unknown[] = [];
  const run = (sql: string, bind?: unknown[]): unknown[] =>
    database.exec({ sql, returnValue: "resultRows", rowMode: "array", ...(bind === undefined ? {} : { bind }) });
  run("create table words (id integer primary key, word text, size int); create index by_word on words (word)");
  for (let round = 0; round < scale; round++) {
    run("begin");
    for (let row = 0; row < ROWS; row++) {
      run("insert into words (word, size) values (?, ?)", [
        `word ${(row * 7919) % 1000}`.repeat(1 + (row % COUNT)),
        row,
      ]);
    }
    run("commit");
    results.push(run("select count(*), sum(size), max(length(word)) from words"));
    results.push(run("select word, count(*) from words group by word order by 2 desc, 1 limit 5"));
    results.push(run("select group_concat(substr(upper(word), 1, 3), '-') from (select * from words limit 200)"));
    run("delete from words where id % 3 = 0");
  }
  database.close();
  return JSON.stringify(results);
}
