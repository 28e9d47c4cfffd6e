// Serves the examples to a browser: `node serve.js [port]`, then open what it prints. The two headers make a page cross-origin
// isolated; browsers give a SharedArrayBuffer to no other.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";

const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};
/** Packages that pages load files of, by what the paths of these begin with. */
const PACKAGES = { "/kmem/": "kmem", "/quickjs/": "@jitl/quickjs-wasmfile-release-sync" };

/** The file of a URL's path: of a package, or of the examples. */
function fileOf(path) {
  const [prefix, name] = Object.entries(PACKAGES).find(([one]) => path.startsWith(one)) ?? ["/"];
  const folder = new URL("./", name === undefined ? import.meta.url : import.meta.resolve(name));
  const file = new URL(`./${path.slice(prefix.length)}`, folder);
  return file.href.startsWith(folder.href) ? file : undefined;
}

const server = createServer(async (request, response) => {
  const file = fileOf(new URL(request.url ?? "/", "http://localhost").pathname);
  const text = file && (await readFile(fileURLToPath(file)).catch(() => undefined));
  if (text === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": TYPES[extname(file.pathname)] ?? "text/plain", ...HEADERS }).end(text);
});

server.listen(Number(argv[2] ?? 8080), "localhost", () => {
  const { port } = server.address();
  const pages = ["particles", "audio-worklet", "wasm-heap", "wasm-memcheck"];
  for (const page of pages) console.log(`http://localhost:${port}/${page}/index.html`);
});
