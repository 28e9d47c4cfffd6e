import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

/** `at f (file:///…:1:2)` or `at file:///…:1:2`. */
const PLACE = /(?<url>file:\/\/[^\s()]+|\/[^\s():]+):(?<line>\d+):(?<column>\d+)/;
const MAP_COMMENT = /\/\/[#@] sourceMappingURL=(?<url>\S+)\s*$/;
const DATA_URL = /^data:application\/json[^,]*;base64,(?<base64>.*)$/;

/**
 * Says of a frame of a stack where it is in the sources, by the source maps of the files that stacks name. Frames of
 * files that have none, or are not there any more, stay as they are. Each file is read once.
 */
export function sourceMapFrames(): (frame: string) => string {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (path: string): SourceMap | undefined => {
    if (!maps.has(path)) maps.set(path, readSourceMap(path));
    return maps.get(path);
  };
  return (frame) => {
    const { url, line, column } = PLACE.exec(frame)?.groups ?? {};
    if (url === undefined) return frame;
    const path = url.startsWith("file:") ? fileURLToPath(url) : url;
    const entry = mapOf(path)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !("originalSource" in entry)) return frame;
    const source = new URL(entry.originalSource, pathToFileURL(path)).href;
    return frame.replace(PLACE, `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`);
  };
}

function readSourceMap(path: string): SourceMap | undefined {
  try {
    const { url } = MAP_COMMENT.exec(readFileSync(path, "utf8"))?.groups ?? {};
    if (url === undefined) return undefined;
    const { base64 } = DATA_URL.exec(url)?.groups ?? {};
    const text =
      base64 === undefined
        ? readFileSync(new URL(url, pathToFileURL(path)), "utf8")
        : Buffer.from(base64, "base64").toString("utf8");
    return new SourceMap(JSON.parse(text));
  } catch {
    return undefined;
  }
}
