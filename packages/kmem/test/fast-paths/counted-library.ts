import { fileURLToPath } from "node:url";
import { compileFunction } from "node:vm";
import { Realm } from "../interleave/library.ts";
import { event } from "../interleave/runtime/steps.ts";
import { transform } from "../interleave/transform/transform.ts";
import { readSourceFiles, type SourceFile } from "../source-files.ts";
import { countedSource } from "./counted-code.ts";
import { CountingRuntime } from "./counting-runtime.ts";

const SOURCES = fileURLToPath(new URL("../../src", import.meta.url));

/** Assertions are the tests' own: what is counted is what users run. */
const CONSTANTS: Readonly<Record<string, string>> = { "memory/assert.ts ASSERTIONS": "false" };

/** The library with its accesses, branches and calls counted. */
export class CountedLibrary {
  readonly runtime = new CountingRuntime();
  readonly #factories: ConstructorParameters<typeof Realm>[1];

  constructor(
    entries: readonly string[],
    sources: readonly SourceFile[] = readSourceFiles(SOURCES),
    constants: Readonly<Record<string, string>> = CONSTANTS,
  ) {
    const { modules } = transform(sources.map(countedSource), { entries, constants });
    this.#factories = new Map(
      [...modules].map(([path, code]) => {
        const filename = `${path} (counted)`;
        const factory = compileFunction(code, ["$count", "$rt", "$event", "$require"], { filename });
        return [path, (_runtime, _event, require) => factory(this.runtime, this.runtime, event, require)];
      }),
    );
  }

  /** A copy of the library of its own: what another thread has. */
  realm(): Realm {
    return new Realm(this.runtime, this.#factories);
  }
}
