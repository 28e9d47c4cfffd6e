import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers a request; the path is what follows the token. */
export type Responder = (request: IncomingMessage, response: ServerResponse, path: string) => void | Promise<void>;

const HOST = "127.0.0.1";
const HOST_NAMES = [HOST, "localhost", "[::1]"];
const TOKEN_BYTES = 16;
const Status = { FORBIDDEN: 403, NOT_FOUND: 404, METHOD: 405, BROKEN: 500 } as const;

/** Nothing but the page's own files, and nobody may put it into a frame or read what it gets. */
const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "img-src 'self' data: blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/**
 * A server on this machine alone. Its addresses begin with a token, so that only who was told the address gets in; a
 * request that names another host, as after DNS rebinding, or comes from another page, is refused.
 */
export class LocalServer {
  readonly #server: Server;
  readonly #token: string;

  private constructor(server: Server, token: string) {
    this.#server = server;
    this.#token = token;
  }

  /** Starts to listen. Throws the system's errors, as EADDRINUSE. */
  static async start(
    respond: Responder,
    port = 0,
    token: string = randomBytes(TOKEN_BYTES).toString("hex"),
  ): Promise<LocalServer> {
    const server = createServer((request, response) => {
      const path = admittedPath(request, token, (server.address() as AddressInfo).port);
      for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
      if (typeof path === "number") {
        refuse(response, path);
        return;
      }
      Promise.resolve(respond(request, response, path)).catch(() => refuse(response, Status.BROKEN));
    });
    server.listen(port, HOST);
    await once(server, "listening");
    return new LocalServer(server, token);
  }

  /** The address of the page. */
  get url(): string {
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}/${this.#token}/`;
  }

  /** Lets the process end though the server listens. */
  unref(): void {
    this.#server.unref();
  }

  /** Stops to listen and ends all connections. */
  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, "close");
  }
}

/** The path of a request after the token, or the status that it is refused with. */
function admittedPath(request: IncomingMessage, token: string, port: number): string | number {
  const { host = "", origin } = request.headers;
  const hosts = HOST_NAMES.map((name) => `${name}:${port}`);
  if (!hosts.includes(host)) return Status.FORBIDDEN;
  if (origin !== undefined && !hosts.some((name) => origin === `http://${name}`)) return Status.FORBIDDEN;
  const site = request.headers["sec-fetch-site"];
  // "none" is an address that somebody has opened; a link to it from another page has no reason to know the token.
  if (site === "cross-site" || site === "same-site") return Status.FORBIDDEN;
  const [, given = "", path] = /^\/([^/?#]*)(?:\/([^?#]*))?/.exec(request.url ?? "") ?? [];
  if (!isSame(given, token)) return Status.FORBIDDEN;
  if (request.method !== "GET" && request.method !== "HEAD") return Status.METHOD;
  return path ?? Status.NOT_FOUND;
}

/** Compares in a time that says nothing of where two texts differ. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

/** Ends a response with a status and nothing else. */
export function refuse(response: ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status);
  response.end();
}
