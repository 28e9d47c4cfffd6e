import { createReadStream, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { basename } from "node:path";
import { LocalServer, refuse } from "./local-server.ts";
import { sendJson, sendPageFile } from "./page-files.ts";

/** A file that is shown. */
export interface ServedFile {
  readonly path: string;
  /** What it is called in the page. Default: the last part of its path. */
  readonly name?: string;
}

/** How files are served. */
export interface ServeFilesOptions {
  /** Port to listen on. Default 0: any that is free. */
  readonly port?: number;
}

/** A server of files, until it is closed. */
export interface FileServer {
  /** The address of the page, with its token. */
  readonly url: string;
  close(): Promise<void>;
}

const Status = { OK: 200, PARTIAL: 206, NOT_FOUND: 404, BAD_RANGE: 416 } as const;

/**
 * Serves the inspector on this machine, with files to look into: dumps and traces. The page asks for the parts that it
 * needs. Throws the file system's errors for a file that is not there, and the system's where it cannot listen.
 */
export async function serveFiles(
  files: readonly ServedFile[],
  { port = 0 }: ServeFilesOptions = {},
): Promise<FileServer> {
  const served = files.map(({ path, name = basename(path) }, index) => {
    const { size } = statSync(path);
    return { path, entry: { name, url: `files/${index}`, byteLength: size } };
  });
  const server = await LocalServer.start((request, response, path) => {
    if (path === "session.json") return sendJson(response, { files: served.map(({ entry }) => entry) });
    const file = served.find(({ entry }) => entry.url === path);
    return file === undefined ? sendPageFile(response, path) : sendFile(request, response, file.path);
  }, port);
  return { url: server.url, close: () => server.close() };
}

/** Sends a file, or the part of it that was asked for. */
function sendFile(request: IncomingMessage, response: ServerResponse, path: string): void {
  const { size } = statSync(path);
  const range = rangeOf(request.headers.range, size);
  if (range === undefined) {
    refuse(response, Status.BAD_RANGE);
    return;
  }
  const [start, end] = range;
  const isPart = request.headers.range !== undefined;
  response.writeHead(isPart ? Status.PARTIAL : Status.OK, {
    "content-type": "application/octet-stream",
    "content-length": end - start + 1,
    "accept-ranges": "bytes",
    ...(isPart ? { "content-range": `bytes ${start}-${end}/${size}` } : {}),
  });
  if (request.method === "HEAD" || size === 0) {
    response.end();
    return;
  }
  createReadStream(path, { start, end })
    .on("error", () => response.destroy())
    .pipe(response);
}

/** First and last byte of one range; all of the file where none was asked for, undefined for what cannot be. */
function rangeOf(header: string | undefined, size: number): readonly [number, number] | undefined {
  if (header === undefined) return [0, size - 1];
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(header) ?? [];
  if (first === undefined) return undefined;
  const [start, end] = [Number(first), last === "" ? size - 1 : Math.min(Number(last), size - 1)];
  return start <= end ? [start, end] : undefined;
}
