import { badArgument, describeValue, reading } from "../../memory/arguments.ts";
import { KmemError } from "../../memory/errors.ts";
import { type AdoptedModule, adopt } from "./adopt.ts";
import type { AdoptOptions } from "./options.ts";

/** A `Response`, as the lib of the program declares it, or what is needed of one. */
export type FetchedModule = typeof globalThis extends { Response: { prototype: infer Fetched } }
  ? Fetched
  : { readonly ok: boolean; readonly status: number; arrayBuffer(): Promise<ArrayBuffer> };

/** A `WebAssembly.Module`, as the lib of the program declares it, or an object of which nothing is known. */
export type WasmModuleObject = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } }
  ? Module
  : object;

/** A response that is being fetched, as `WebAssembly.compileStreaming` takes it. */
export type StreamingSource = FetchedModule | Promise<FetchedModule>;

/** A module that was adopted and compiled. */
export interface CompiledModule {
  /** The module, compiled. */
  readonly module: WasmModuleObject;
  /** What was done to it. */
  readonly adopted: AdoptedModule;
}

/**
 * Adopts and compiles a module that is being fetched, in place of `WebAssembly.compileStreaming`: the engine compiles
 * beside this thread. What is left of the old allocator is known only once all of the module is there, so the rewriting
 * begins at the last byte. Rejects as {@link adopt} throws, with BAD_ARGUMENT for what is no response or a failed one,
 * and with what fetching and compiling throw.
 */
export async function adoptStreaming(source: StreamingSource, options: AdoptOptions = {}): Promise<CompiledModule> {
  const isPromise = reading("source", source, () => source instanceof Promise);
  const response = isPromise ? await source : (source as Response);
  if (!reading("source", response, () => isResponse(response))) throw badArgument("source", "a Response", response);
  if (!response.ok) {
    const text = `the module was not fetched from ${describeValue(response.url)}: status ${response.status}`;
    throw new KmemError("BAD_ARGUMENT", text, { status: response.status });
  }
  const adopted = adopt(new Uint8Array(await response.arrayBuffer()), options);
  return { module: await WebAssembly.compile(adopted.bytes), adopted };
}

function isResponse(value: unknown): boolean {
  return typeof Response === "function" && value instanceof Response;
}
