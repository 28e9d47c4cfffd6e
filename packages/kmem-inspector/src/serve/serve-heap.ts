import type { ServerResponse } from "node:http";
import { type BaseHeap, dumpHeap, KmemError } from "kmem";
import { LocalServer } from "./local-server.ts";
import { sendJson, sendPageFile } from "./page-files.ts";

/** How a heap is served. */
export interface ServeHeapOptions {
  /** Port to listen on. Default 0: any that is free. */
  readonly port?: number;
  /** What the heap is called in the page. Default "heap". */
  readonly name?: string;
  /** The first part of all addresses, 16 characters or more of a-z, A-Z, 0-9, - and _. Default: one by chance. */
  readonly token?: string;
}

/** A server of a heap, until it is closed. */
export interface HeapServer {
  /** The address of the page, with its token. Who knows it can read the heap. */
  readonly url: string;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const Status = { OK: 200, GONE: 410 } as const;
const TOKEN = /^[\w-]{16,128}$/;
const PORT_MAX = 65_535;
/** Milliseconds from one look at the heap to the next, while a page is open and to be seen. */
const EVERY_MS = 1000;

/**
 * Shows a heap of this process in a browser of this machine, as it lives. Nothing is done for it but when a page asks:
 * then the heap is dumped, which takes as long as copying it. The server listens on the loopback address only and does
 * not keep the process from ending.
 *
 * Throws BAD_ARGUMENT for options that cannot be, and the system's errors where the port is taken.
 */
export async function serveHeap(heap: BaseHeap, options: ServeHeapOptions = {}): Promise<HeapServer> {
  const { port = 0, name = "heap", token } = options;
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) throw badOption("port", "a whole number from 0 to 65535");
  if (typeof name !== "string") throw badOption("name", "a text");
  if (token !== undefined && !(typeof token === "string" && TOKEN.test(token))) {
    throw badOption("token", "16 to 128 letters, digits, - and _");
  }
  // What is no heap is refused here and not at the first look.
  dumpHeap(heap);
  const server = await LocalServer.start(
    (_request, response, path) => {
      if (path === "session.json") return sendJson(response, { live: { name, url: "heap", everyMs: EVERY_MS } });
      return path === "heap" ? sendHeap(response, heap) : sendPageFile(response, path);
    },
    port,
    token,
  );
  server.unref();
  const close = (): Promise<void> => server.close();
  return { url: server.url, close, [Symbol.asyncDispose]: close };
}

/** Sends a dump of the heap; 410 once it is detached. */
function sendHeap(response: ServerResponse, heap: BaseHeap): void {
  try {
    const dump = dumpHeap(heap);
    response.writeHead(Status.OK, { "content-type": "application/octet-stream", "content-length": dump.length });
    response.end(dump);
  } catch (error) {
    if (!(error instanceof KmemError)) throw error;
    response.writeHead(Status.GONE, { "content-type": "text/plain; charset=utf-8" });
    response.end(error.message);
  }
}

function badOption(name: string, wanted: string): KmemError {
  return new KmemError("BAD_ARGUMENT", `${name} must be ${wanted}`, { name });
}
