import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { SourceMap } from "node:module";
import { sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** `at f (file:///…:1:2)` or `at file:///…:1:2`. */
const PLACE = /(?<url>file:\/\/[^\s()]+|\/[^\s():]+):(?<line>\d+):(?<column>\d+)/;
/** A longer line is no frame of an engine's, and would take long to look through. */
const FRAME_CHARS_MAX = 4096;
const MAP_COMMENT = /\/\/[#@] sourceMappingURL=(?<url>\S+)\s*$/;
const DATA_URL = /^data:application\/json[^,]*;base64,(?<base64>.*)$/;
/** A larger file is neither a source nor a source map. */
const FILE_BYTES_MAX = 64 * 2 ** 20;

/**
 * Says of a frame of a stack where it is in the sources, by the source maps of the files that stacks name. Frames of
 * files that have none, or are not there any more, stay as they are. The maker of a dump chose the names: only regular
 * files that really lie below `folder` and are no larger than 64 MiB are read, each once.
 */
export function sourceMapFrames(folder: string): (frame: string) => string {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (path: string): SourceMap | undefined => {
    if (!maps.has(path)) maps.set(path, readSourceMap(path, folder));
    return maps.get(path);
  };
  return (frame) => {
    if (frame.length > FRAME_CHARS_MAX) return frame;
    const { url, line, column } = PLACE.exec(frame)?.groups ?? {};
    const path = url === undefined ? undefined : pathOf(url);
    if (path === undefined) return frame;
    const place = placeIn(mapOf(path), path, Number(line) - 1, Number(column) - 1);
    return place === undefined ? frame : frame.replace(PLACE, () => place);
  };
}

/** The path of what a frame names; undefined for what is no file of this machine. */
function pathOf(url: string): string | undefined {
  try {
    return url.startsWith("file:") ? fileURLToPath(url) : url;
  } catch {
    return undefined;
  }
}

/** A place in the sources; undefined where the map knows none. */
function placeIn(map: SourceMap | undefined, path: string, line: number, column: number): string | undefined {
  try {
    const entry = map?.findEntry(line, column);
    if (entry === undefined || !("originalSource" in entry)) return undefined;
    const source = new URL(entry.originalSource, pathToFileURL(path)).href;
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  } catch {
    return undefined;
  }
}

function readSourceMap(path: string, folder: string): SourceMap | undefined {
  try {
    const { url } = MAP_COMMENT.exec(lastLineOf(readSource(path, folder)))?.groups ?? {};
    if (url === undefined) return undefined;
    const { base64 } = DATA_URL.exec(url)?.groups ?? {};
    const text =
      base64 === undefined
        ? readSource(fileURLToPath(new URL(url, pathToFileURL(path))), folder)
        : Buffer.from(base64, "base64").toString("utf8");
    return new SourceMap(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function lastLineOf(text: string): string {
  const trimmed = text.trimEnd();
  return trimmed.slice(trimmed.lastIndexOf("\n") + 1);
}

/** The text of a regular file below a folder, wherever links lead; throws for every other. */
function readSource(path: string, folder: string): string {
  const real = realpathSync(path);
  const root = realpathSync(folder);
  const isInside = real.startsWith(root.endsWith(sep) ? root : root + sep);
  // Looked at before it is opened: to open some devices does something.
  if (!isInside || !statSync(real).isFile()) throw new Error(`${path} is not read`);
  const fd = openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
  try {
    const status = fstatSync(fd);
    if (!status.isFile() || status.size > FILE_BYTES_MAX) throw new Error(`${path} is not read`);
    const bytes = Buffer.alloc(status.size);
    let filled = 0;
    for (let count = -1; count !== 0 && filled < bytes.length; filled += count) {
      count = readSync(fd, bytes, filled, bytes.length - filled, filled);
    }
    return bytes.toString("utf8", 0, filled);
  } finally {
    closeSync(fd);
  }
}
