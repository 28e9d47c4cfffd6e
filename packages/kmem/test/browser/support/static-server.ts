import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Whether a site's pages get shared memory: browsers give it only to those that keep foreign content out. */
export type Site = "isolated" | "plain";

const packageRoot = fileURLToPath(new URL("../../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
};
const servedFile = /^\/(?<site>isolated|plain)(?<path>\/(?:lib|dist|test)\/[\w./-]+)$/;

const siteHeaders: Readonly<Record<Site, Readonly<Record<string, string>>>> = {
  isolated: {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
  },
  plain: {},
};

/** Files do not change while the tests run, each with a port of its own: pages and workers load them once. */
const CACHED = "max-age=3600";

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".ts": "text/javascript; charset=utf-8",
};

interface ServedText {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The code of a page with the paths of published modules in the place of their names: workers have no import map. */
function withPaths(code: string, site: string): string {
  return code.replace(/(?<=\bfrom )"kmem(\/\w+)?"/g, (name, subPath: string = "") => {
    const target = manifest.exports[`.${subPath}`];
    return typeof target === "object" ? JSON.stringify(`/${site}${target.default.slice(1)}`) : name;
  });
}

/** What a URL's path stands for, or undefined where there is nothing. The types of a `.ts` file are taken out. */
async function textAt(pathname: string): Promise<ServedText | undefined> {
  const { site, path } = servedFile.exec(pathname)?.groups ?? {};
  if (site === undefined || path === undefined) return undefined;
  const contentType = contentTypes[extname(path)];
  if (contentType === undefined) return undefined;
  const text = await readFile(join(packageRoot, path), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  return {
    text: extname(path) === ".ts" ? withPaths(stripTypeScriptTypes(text), site) : text,
    headers: { "content-type": contentType, "cache-control": CACHED, ...siteHeaders[site as Site] },
  };
}

/**
 * Serves the built library and the test pages on a free port of this machine, the same files at both sites. The paths
 * are those of the package, so that a page's relative imports mean the same to the browser and to the type checker.
 */
export class StaticServer {
  readonly #port: number;

  private constructor(server: Server) {
    this.#port = (server.address() as AddressInfo).port;
  }

  static async start(): Promise<StaticServer> {
    const server = createServer((request, response) => {
      // The parser takes dot segments out, so that no path leads out of the package.
      textAt(new URL(request.url ?? "/", "http://localhost").pathname).then(
        (served) => {
          if (served === undefined) response.writeHead(404).end();
          else response.writeHead(200, served.headers).end(served.text);
        },
        (error) => response.writeHead(500).end(String(error)),
      );
    });
    server.listen(0, "localhost");
    await once(server, "listening");
    // It ends with the process that it serves, and keeps it from ending no longer.
    server.unref();
    return new StaticServer(server);
  }

  /** The address of a file of the package, its path seen from there. */
  url(site: Site, path: string): string {
    return `http://localhost:${this.#port}/${site}/${path}`;
  }
}
