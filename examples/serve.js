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
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8" };
const EXAMPLES = new URL("./", import.meta.url);
const LIBRARY = new URL("./", import.meta.resolve("kmem"));

/** The file of a URL's path: /kmem/… is the library, all else the examples. */
function fileOf(path) {
  const isLibrary = path.startsWith("/kmem/");
  const file = isLibrary ? new URL(path.slice("/kmem/".length), LIBRARY) : new URL(`.${path}`, EXAMPLES);
  return file.href.startsWith((isLibrary ? LIBRARY : EXAMPLES).href) ? file : undefined;
}

const server = createServer(async (request, response) => {
  const file = fileOf(new URL(request.url ?? "/", "http://localhost").pathname);
  const text = file && (await readFile(fileURLToPath(file)).catch(() => undefined));
  if (text === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": TYPES[extname(file.pathname)] ?? "text/plain", ...HEADERS }).end(text);
});

server.listen(Number(argv[2] ?? 8080), "localhost", () => {
  const { port } = server.address();
  for (const page of ["particles", "audio-worklet"]) console.log(`http://localhost:${port}/${page}/index.html`);
});
