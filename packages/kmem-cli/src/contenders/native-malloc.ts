import { realpathSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import { runProcess } from "../system/run-process.ts";
import { librariesNamed, listLibraries } from "./find-libraries.ts";

/** A malloc of this machine: the C library's own, or a shared library that is preloaded into a C program. */
export interface NativeMalloc {
  readonly name: string;
  /**
   * Looks for it, or says in a sentence why it is not there.
   *
   * @param program a C program that, called with `probe`, prints the file that it has its malloc from.
   */
  find(program: string): Promise<NativeSetting | string>;
}

/** What was found of a {@link NativeMalloc}. */
export interface NativeSetting {
  /** What exactly it is: a version, or the file of a library. */
  readonly version: string;
  /** Variables of the environment of its processes. */
  readonly env: Readonly<Record<string, string>>;
}

/** The C library's own malloc, where the C library is glibc. */
export const GLIBC: NativeMalloc = {
  name: "glibc",
  find: async () => {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
    const version = header.glibcVersionRuntime;
    return version === undefined ? "the C library here is not glibc" : { version, env: {} };
  },
};

/**
 * A malloc that is a shared library.
 *
 * @param libraryNames without `.so`; the first that is installed is taken.
 */
export function preloadedMalloc(name: string, libraryNames: readonly string[]): NativeMalloc {
  const find = async (program: string): Promise<NativeSetting | string> => {
    const paths = listLibraries();
    for (const path of libraryNames.flatMap((libraryName) => librariesNamed(paths, libraryName))) {
      const env = { LD_PRELOAD: path };
      if (await isPreloaded(program, path)) return { version: basename(realpathSync(path)), env };
    }
    return `no ${libraryNames.join(" or ")} is installed`;
  };
  return { name, find };
}

/** A library for another kind of machine is passed over by the linker, with a warning and no more. */
async function isPreloaded(program: string, path: string): Promise<boolean> {
  try {
    const provider = await runProcess({ file: program, args: ["probe"], env: { LD_PRELOAD: path } });
    return realpathSync(provider.trim()) === realpathSync(path);
  } catch {
    return false;
  }
}

/** Every native malloc that is compared with, in the order of the tables. */
export const NATIVE_MALLOCS: readonly NativeMalloc[] = [
  GLIBC,
  preloadedMalloc("jemalloc", ["libjemalloc"]),
  preloadedMalloc("mimalloc", ["libmimalloc"]),
  preloadedMalloc("tcmalloc", ["libtcmalloc_minimal", "libtcmalloc"]),
];
