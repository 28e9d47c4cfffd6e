import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";

/** Where the table of the dynamic linker may be asked for: it is often not in the PATH of ordinary users. */
const LDCONFIG_COMMANDS = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"];
/** Where libraries lie on systems without such a table, or out of its sight. */
const LIBRARY_FOLDERS = ["/usr/local/lib", "/usr/lib", "/usr/lib64", "/lib", "/lib64"];
/** The folders below these that are named after a kind of machine, as in `x86_64-linux-gnu`. */
const MACHINE_FOLDER = /^[\w]+-linux-[\w]+$/;

/** Paths of shared libraries in the linker's table and the usual folders, in that order. */
export function listLibraries(): string[] {
  return [...new Set([...linkerTable(), ...LIBRARY_FOLDERS.flatMap(librariesIn)])];
}

/** Those of the paths that are a library of the given name, whatever its version, as in `libname.so.2`. */
export function librariesNamed(paths: readonly string[], name: string): string[] {
  const prefix = `${name}.so`;
  return paths.filter((path) => {
    const file = basename(path);
    return file === prefix || (file.startsWith(`${prefix}.`) && /^[\d.]+$/.test(file.slice(prefix.length)));
  });
}

/** The paths in what `ldconfig -p` prints. */
export function parseLinkerTable(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [, path] = line.split(" => ");
    return path === undefined ? [] : [path.trim()];
  });
}

function linkerTable(): string[] {
  for (const command of LDCONFIG_COMMANDS) {
    try {
      return parseLinkerTable(execFileSync(command, ["-p"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    } catch {
      // It is not there, or cannot do this: the next one may.
    }
  }
  return [];
}

function librariesIn(folder: string): string[] {
  const names = namesIn(folder);
  const below = names.filter((name) => MACHINE_FOLDER.test(name)).map((name) => join(folder, name));
  return [folder, ...below].flatMap((place) =>
    (place === folder ? names : namesIn(place)).filter((name) => name.includes(".so")).map((name) => join(place, name)),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
