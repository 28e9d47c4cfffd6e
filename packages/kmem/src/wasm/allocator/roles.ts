import { Type } from "../binary/layout.ts";

/** The module that adopted programs import the functions of C from. */
export const IMPORT_MODULE = "kmem";

/** The functions of C that an adopted module imports from it. */
export type CFunctionName =
  | "malloc"
  | "free"
  | "calloc"
  | "realloc"
  | "aligned_alloc"
  | "posix_memalign"
  | "memalign"
  | "malloc_usable_size"
  | "reallocarray";

/** What a function of an allocator does: one of C's, or one of a language's runtime. */
export type Role =
  | CFunctionName
  | "rust_alloc"
  | "rust_dealloc"
  | "rust_realloc"
  | "rust_alloc_zeroed"
  | "assemblyscript_alloc"
  | "assemblyscript_realloc"
  | "assemblyscript_free";

/** A type by letters: "w" is a word (an address or a size), "i" is an i32; the results follow a colon. */
const SIGNATURES: Readonly<Record<Role, string>> = {
  malloc: "w:w",
  free: "w:",
  calloc: "ww:w",
  realloc: "ww:w",
  aligned_alloc: "ww:w",
  posix_memalign: "www:i",
  memalign: "ww:w",
  malloc_usable_size: "w:w",
  reallocarray: "www:w",
  rust_alloc: "ww:w",
  rust_dealloc: "www:",
  rust_realloc: "wwww:w",
  rust_alloc_zeroed: "ww:w",
  assemblyscript_alloc: "w:w",
  assemblyscript_realloc: "ww:w",
  assemblyscript_free: "w:",
};

export function isRole(name: string): name is Role {
  return Object.hasOwn(SIGNATURES, name);
}

/** All functions of C that can be imported. */
export const C_FUNCTIONS: readonly CFunctionName[] = [
  "malloc",
  "free",
  "calloc",
  "realloc",
  "aligned_alloc",
  "posix_memalign",
  "memalign",
  "malloc_usable_size",
  "reallocarray",
];

/** The functions of C that a function with this role needs. */
const NEEDS: Readonly<Partial<Record<Role, readonly CFunctionName[]>>> = {
  rust_alloc: ["aligned_alloc"],
  rust_dealloc: ["free"],
  rust_realloc: ["realloc", "aligned_alloc", "free"],
  rust_alloc_zeroed: ["aligned_alloc"],
  assemblyscript_alloc: ["malloc"],
  assemblyscript_realloc: ["realloc"],
  assemblyscript_free: ["free"],
};

export function neededBy(role: Role): readonly CFunctionName[] {
  return NEEDS[role] ?? [role as CFunctionName];
}

/** The first bytes of the types of a function with this role: of its parameters and of its results. */
export function typeOfRole(role: Role, is64: boolean): { params: number[]; results: number[] } {
  const word = is64 ? Type.I64 : Type.I32;
  const [params = "", results = ""] = SIGNATURES[role].split(":");
  const types = (letters: string): number[] => [...letters].map((letter) => (letter === "w" ? word : Type.I32));
  return { params: types(params), results: types(results) };
}

/** What libraries and compilers put before the names of C's functions. */
const PREFIXES = /^(?:emscripten_builtin_|emmalloc_|__libc_|mi_|dl|je_|__)(?=[a-z])/;
/**
 * Symbols of Rust: plain, of the standard allocator, of the program's own, demangled, and mangled in the ways of newer
 * compilers. The length that stands before a part is followed by `_` in the newest one where the part begins with that.
 */
const RUST_NAME = /(?:^|\d_?|::)__(?:rust|rdl|rg)_(alloc|dealloc|realloc|alloc_zeroed)(?:$|\b)/;
const ASSEMBLYSCRIPT_NAME = /^~lib\/rt\/(?:tlsf|stub)\/__(alloc|realloc|free)$/;
/**
 * The methods of the crate that is Rust's allocator on WebAssembly: demangled, and mangled in the older way and in the
 * newer one. Between the type and the method is what the type is made for, in so many characters at most.
 */
const DLMALLOC_CRATE =
  /Dlmalloc(?:<.{0,200}>::|\$LT\$.{0,200}\$GT\$\d|.{0,200}E\d)(malloc|free|memalign)(?:$|::h|17h|[BC.])/;
const OTHER_NAMES: Readonly<Record<string, Role>> = {
  internal_memalign: "memalign",
  emmalloc_usable_size: "malloc_usable_size",
  mi_malloc_usable_size: "malloc_usable_size",
  mi_usable_size: "malloc_usable_size",
  emmalloc_memalign: "memalign",
  emmalloc_aligned_alloc: "aligned_alloc",
  allocate_memory: "malloc",
};
/** Names that have a prefix of their own and do not mean what is after it. */
const NOT_THE_PROGRAMS: ReadonlySet<string> = new Set(["mi_free_size", "__free"]);

/** The role of a function by its name: as exported, imported or in the name section; undefined where it says none. */
export function roleOfName(name: string): Role | undefined {
  const rust = RUST_NAME.exec(name)?.[1];
  if (rust !== undefined) return `rust_${rust}` as Role;
  const assemblyScript = ASSEMBLYSCRIPT_NAME.exec(name)?.[1];
  if (assemblyScript !== undefined) return `assemblyscript_${assemblyScript}` as Role;
  const method = DLMALLOC_CRATE.exec(name)?.[1];
  if (method !== undefined) return method as Role;
  if (Object.hasOwn(OTHER_NAMES, name)) return OTHER_NAMES[name];
  if (NOT_THE_PROGRAMS.has(name)) return undefined;
  const plain = name.replace(PREFIXES, "");
  return isRole(plain) && C_FUNCTIONS.includes(plain as CFunctionName) ? plain : undefined;
}

/** Names of wasm-bindgen's wrappers, which lead to what is to be replaced: they themselves stay. */
const BINDGEN_WRAPPER = /^__wbindgen_(?:(malloc|realloc|free)|export(?:_?\d+)?)(?:_command_export)?$/;
/** What those are that have numbers in place of names, by their parameters: one of them is an alignment. */
const BINDGEN_PARAMETERS: Readonly<Record<number, Role>> = { 2: "malloc", 3: "free", 4: "realloc" };

/** What a wrapper of wasm-bindgen leads to, by its name, else by how many parameters it has; undefined for any other. */
export function bindgenLeadsTo(name: string, parameterCount: number): Role | undefined {
  const wrapper = BINDGEN_WRAPPER.exec(name);
  return wrapper === null ? undefined : ((wrapper[1] as Role | undefined) ?? BINDGEN_PARAMETERS[parameterCount]);
}
