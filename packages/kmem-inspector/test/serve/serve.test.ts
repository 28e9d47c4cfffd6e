import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeDump, Heap } from "kmem";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FileServer, type HeapServer, serveFiles, serveHeap } from "../../src/serve/index.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Asks for an address with headers that no browser lets a page choose. */
function get(url: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const [, hostname, port, path] = /^http:\/\/([^/:]+):(\d+)(.*)$/.exec(url) ?? [];
    // The path as it stands: an URL would take the dots out.
    const sent = request({ hostname, port, path, headers, method }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }),
      );
    });
    sent.on("error", reject).end();
  });
}

describe("a heap that is served", () => {
  let heap: Heap;
  let server: HeapServer;

  beforeEach(async () => {
    heap = Heap.create({ sizeBytes: 2 ** 20 });
    server = await serveHeap(heap, { name: "shop" });
  });
  afterEach(() => server.close());

  it("is dumped when somebody asks who knows the address", async () => {
    const session = await get(`${server.url}session.json`);
    expect(JSON.parse(String(session.body))).toEqual({ live: { name: "shop", url: "heap", everyMs: 1000 } });
    heap.alloc(100);
    const { status, body } = await get(`${server.url}heap`);
    expect([status, describeDump(new Uint8Array(body)).stats.liveBlocks]).toEqual([200, 1]);
  });

  it("is served on the loopback address, with a token that nobody can guess", () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/);
  });

  it("is refused without its token, and with another one", async () => {
    const { origin } = new URL(server.url);
    for (const path of ["/", "/heap", "/session.json", `/${"0".repeat(32)}/heap`, `/${"0".repeat(32)}/`]) {
      expect([path, (await get(`${origin}${path}`)).status]).toEqual([path, 403]);
    }
    const { port } = new URL(server.url);
    expect((await get(`${origin}/x/..${new URL(server.url).pathname}heap`, { host: `127.0.0.1:${port}` })).status).toBe(
      403,
    );
  });

  it("is refused to a page of another origin, and after DNS rebinding", async () => {
    const { port } = new URL(server.url);
    const address = `${server.url}heap`;
    const refused: readonly Readonly<Record<string, string>>[] = [
      { host: `evil.example:${port}` },
      { host: "127.0.0.1" },
      { host: `127.0.0.1.evil.example:${port}` },
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: `https://127.0.0.1:${port}` },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ];
    for (const headers of refused) expect([headers, (await get(address, headers)).status]).toEqual([headers, 403]);
    const own = { origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" };
    expect((await get(address, own)).status).toBe(200);
    expect((await get(address, { host: `localhost:${port}` })).status).toBe(200);
  });

  it("answers nothing but questions, and says so once it is detached", async () => {
    expect((await get(`${server.url}heap`, {}, "POST")).status).toBe(405);
    heap.detach();
    const { status, body } = await get(`${server.url}heap`);
    expect([status, String(body)]).toEqual([410, expect.stringContaining("detach")]);
  });

  it("lets no other page into it, and its own page load nothing from elsewhere", async () => {
    for (const path of ["", "heap", "session.json", "no-such-file"]) {
      const { headers } = await get(server.url + path);
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
      expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
      expect(headers["access-control-allow-origin"]).toBeUndefined();
      expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
    }
  });

  it("refuses options that cannot be", async () => {
    const bad = [{ port: -1 }, { port: 1.5 }, { token: "short" }, { name: 5 as never }];
    for (const options of bad) {
      await expect(serveHeap(heap, options)).rejects.toMatchObject({ code: "BAD_ARGUMENT" });
    }
    await expect(serveHeap({} as Heap)).rejects.toMatchObject({ code: "BAD_ARGUMENT" });
  });
});

describe("files that are served", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);
  let folder: string;
  let server: FileServer;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "kmem-serve-"));
    writeFileSync(join(folder, "a.dump"), bytes);
    server = await serveFiles([{ path: join(folder, "a.dump") }]);
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it("are listed with their names and lengths, and nothing of where they are", async () => {
    const { body } = await get(`${server.url}session.json`);
    expect(JSON.parse(String(body))).toEqual({ files: [{ name: "a.dump", url: "files/0", byteLength: 1000 }] });
  });

  it("are sent whole and in parts", async () => {
    const url = `${server.url}files/0`;
    const whole = await get(url);
    expect([whole.status, new Uint8Array(whole.body)]).toEqual([200, bytes]);
    const part = await get(url, { range: "bytes=10-19" });
    expect([part.status, new Uint8Array(part.body)]).toEqual([206, bytes.slice(10, 20)]);
    expect(part.headers["content-range"]).toBe("bytes 10-19/1000");
    expect((await get(url, { range: "bytes=990-2000" })).body.length).toBe(10);
    for (const range of ["bytes=1000-", "bytes=5-2", "bytes=1-2,4-5", "lines=1-2"]) {
      expect([range, (await get(url, { range })).status]).toEqual([range, 416]);
    }
  });

  it("are those that were named, and the page's own", async () => {
    const page = await get(server.url);
    expect(String(page.body)).toContain('session="session.json"');
    const others = [
      "files/1",
      "files/0/",
      "..%2fpackage.json",
      "assets/../../package.json",
      "assets/%2e%2e/x.js",
      ".x.js",
    ];
    for (const path of others) expect([path, (await get(server.url + path)).status]).toEqual([path, 404]);
  });

  it("are not served where one is not there", async () => {
    await expect(serveFiles([{ path: join(folder, "none.dump") }])).rejects.toThrow("ENOENT");
  });
});
