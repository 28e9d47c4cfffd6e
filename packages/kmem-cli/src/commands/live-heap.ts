import { InvalidArgumentError } from "commander";
import { GrowingDump } from "./read-dump.ts";

/** What a server answers once its heap is detached. */
const GONE = 410;

/** The address of a heap that is served on this machine. Throws InvalidArgumentError for any other. */
export function parseLiveAddress(text: string): string {
  const isLoopback = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5}\/[\w-]+\/$/.test(text);
  if (isLoopback) return text;
  throw new InvalidArgumentError("It is an address of this machine, as serveHeap() gives it, with the / at its end.");
}

/** Asks whether a heap is served at an address; throws where none is. */
export async function requireHeap(address: string): Promise<void> {
  await (await ask(address, "session.json")).body?.cancel();
}

/** A dump of the heap that is served at an address, undefined once it is detached. Its server may send anything. */
export async function fetchDump(address: string): Promise<Uint8Array | undefined> {
  const response = await ask(address, "heap", [GONE]);
  if (response.status === GONE) {
    await response.body?.cancel();
    return undefined;
  }
  const dump = new GrowingDump(undefined);
  for await (const chunk of response.body ?? []) dump.add(chunk as Uint8Array);
  return dump.whole();
}

async function ask(address: string, path: string, alsoGood: readonly number[] = []): Promise<Response> {
  const response = await fetch(new URL(path, address), { redirect: "error" }).catch((error: unknown) => {
    throw new Error(`${address}: nobody answers there`, { cause: error });
  });
  if (response.ok || alsoGood.includes(response.status)) return response;
  throw new Error(`${address}: no heap is served there (${response.status})`);
}
