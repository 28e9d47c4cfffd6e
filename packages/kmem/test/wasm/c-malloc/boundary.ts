import type { CMalloc } from "../../../src/wasm/index.ts";

/** The functions of the C face, each with the types of its arguments and of its result; p is a pointer or a size. */
const SIGNATURES: Readonly<Record<keyof CMalloc, readonly [string, string]>> = {
  malloc: ["p", "p"],
  free: ["p", ""],
  calloc: ["pp", "p"],
  realloc: ["pp", "p"],
  aligned_alloc: ["pp", "p"],
  posix_memalign: ["ppp", "i"],
  memalign: ["pp", "p"],
  malloc_usable_size: ["p", "p"],
  reallocarray: ["ppp", "p"],
};

const I32 = 0x7f;
const I64 = 0x7e;
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const list = (items: readonly (readonly number[])[]): number[] => [items.length, ...items.flat()];
const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
const section = (id: number, bytes: readonly number[]): number[] => [id, ...leb(bytes.length), ...bytes];

/**
 * The face behind WebAssembly: a module that imports its functions from "kmem" and exports them again, so that every
 * argument and result becomes an i32 or an i64 on the way. Numbers come back signed.
 */
export function throughWasm<Word extends number | bigint>(face: CMalloc<Word>, address: "i32" | "i64"): CMalloc<Word> {
  const pointer = address === "i32" ? I32 : I64;
  const types = (letters: string): number[] => [...letters].map((letter) => (letter === "p" ? pointer : I32));
  const names = Object.keys(SIGNATURES) as (keyof CMalloc)[];
  const bytes = Uint8Array.of(
    ...HEADER,
    ...section(
      1,
      list(names.map((name) => [0x60, ...SIGNATURES[name].flatMap((one) => list(types(one).map((t) => [t])))])),
    ),
    ...section(2, list(names.map((name, index) => [...text("kmem"), ...text(name), 0, index]))),
    ...section(7, list(names.map((name, index) => [...text(name), 0, index]))),
  );
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, { kmem: { ...face } as unknown as WebAssembly.ModuleImports });
  return exports as unknown as CMalloc<Word>;
}
