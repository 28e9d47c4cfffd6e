import { compileFunction } from "node:vm";
import { readSourceFiles } from "../source-files.ts";
import { Runtime } from "./runtime/runtime.ts";
import { event, type TwoForms } from "./runtime/steps.ts";
import type { Site } from "./transform/renderer.ts";
import { type TransformOptions, transform } from "./transform/transform.ts";

type Factory = (runtime: Runtime, event: symbol, require: (path: string) => object) => object;

/** Stands for no place in the sources. */
const LOCK_SITE = -1;

/** A library of which every virtual thread gets a copy of its own. */
export class InstrumentedLibrary {
  readonly runtime = new Runtime();
  readonly sites: readonly Site[];
  readonly #factories: ReadonlyMap<string, Factory>;
  readonly #name: string;

  /** Instruments the entries among the modules below a folder, and what they import. Throws UnsupportedSyntax. */
  constructor(folder: string, options: TransformOptions) {
    const { modules, sites } = transform(readSourceFiles(folder), options);
    this.sites = sites;
    this.#name = folder;
    this.#factories = new Map(
      [...modules].map(([path, code]) => {
        const filename = `${this.#name}/${path} (instrumented)`;
        return [path, compileFunction(code, ["$rt", "$event", "$require"], { filename }) as Factory];
      }),
    );
  }

  /** Loads all modules once more: no object of theirs is shared with another realm, as with a worker's. */
  realm(): Realm {
    return new Realm(this.runtime, this.#factories);
  }

  /** Where an access stands in the sources: `slab/sheaf.ts:12:3`. */
  place(site: number): string {
    const { file, line, column } = this.sites[site] ?? { file: "a lock", line: 0, column: 0 };
    return `${file}:${line}:${column}`;
  }
}

/** One copy of the library's modules: what a thread has. */
export class Realm {
  readonly #runtime: Runtime;
  readonly #factories: ReadonlyMap<string, Factory>;
  readonly #loaded = new Map<string, object>();

  constructor(runtime: Runtime, factories: ReadonlyMap<string, Factory>) {
    this.#runtime = runtime;
    this.#factories = factories;
  }

  /**
   * Has this realm's threads take and give back locks in one step each. The library's own way is then left to the
   * scenarios that are about it; all others have far fewer interleavings to run.
   */
  abstractLocks(path: string, acquire: string, release: string): this {
    const runtime = this.#runtime;
    const functions = this.module<Record<string, TwoForms>>(path);
    const [acquireLock, releaseLock] = [functions[acquire], functions[release]];
    if (acquireLock?.$g === undefined || releaseLock?.$g === undefined) throw new Error(`no locks in ${path}`);
    acquireLock.$g = function* (...values) {
      const [words, word, owner] = values as [Int32Array, number, number];
      if (runtime.lock(words, word, owner, LOCK_SITE)) yield event;
    };
    releaseLock.$g = function* (...values) {
      const [words, word] = values as [Int32Array, number];
      if (runtime.unlock(words, word, LOCK_SITE)) yield event;
    };
    return this;
  }

  /** Turns functions of a module into nothing, to see that scenarios notice. */
  withoutFunctions(path: string, names: readonly string[]): this {
    const functions = this.module<Record<string, TwoForms>>(path);
    for (const name of names) {
      const original = functions[name];
      if (original?.$g === undefined) throw new Error(`no function ${name} in ${path}`);
      original.$g = function* () {};
    }
    return this;
  }

  /** A module by its path from the library's root; `Module` is its type in the sources. */
  module<Module extends object>(path: string): Module {
    let module = this.#loaded.get(path);
    if (module === undefined) {
      const factory = this.#factories.get(path);
      if (factory === undefined) throw new Error(`no module ${path} has been instrumented`);
      module = factory(this.#runtime, event, (other) => this.module(other));
      this.#loaded.set(path, module);
    }
    return module as Module;
  }
}
