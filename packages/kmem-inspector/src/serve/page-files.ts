import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { refuse } from "./local-server.ts";

const NOT_FOUND = 404;
const OK = 200;

/** The built page, beside the compiled sources of this package. */
const pageFolder = new URL("../../lib/", import.meta.url);

/** A dump to try the inspector with. */
export const SAMPLE_PATH: string = fileURLToPath(new URL("sample.dump", pageFolder));

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".dump": "application/octet-stream",
};
/** Names of files that the build writes: no path leads out of its folder. */
const FILE_NAME = /^(?:assets\/)?[\w-][\w.-]*$/;
const ELEMENT = "<kmem-inspector ";
/** In the page that is served, the element is told to ask what there is to show. */
const ELEMENT_WITH_SESSION = '<kmem-inspector session="session.json" ';

/** Sends a file of the page; where there is none of that name, 404. */
export async function sendPageFile(response: ServerResponse, path: string): Promise<void> {
  const name = path === "" ? "index.html" : path;
  const contentType = contentTypes[extname(name)];
  const file = FILE_NAME.test(name) && contentType !== undefined ? new URL(name, pageFolder) : undefined;
  const bytes = file === undefined ? undefined : await readFile(fileURLToPath(file)).catch(() => undefined);
  if (bytes === undefined) {
    refuse(response, NOT_FOUND);
    return;
  }
  response.writeHead(OK, { "content-type": contentType });
  response.end(name === "index.html" ? bytes.toString("utf8").replace(ELEMENT, ELEMENT_WITH_SESSION) : bytes);
}

/** Sends a value as JSON. */
export function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(OK, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(value));
}
