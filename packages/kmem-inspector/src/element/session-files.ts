import type { FilePlace } from "../sources/opened-file.ts";
import type { LiveAddress } from "./heap-feed.ts";

/** What a server has to show. */
export interface SessionFiles {
  readonly files: readonly FilePlace[];
  readonly live?: LiveAddress | undefined;
}

/** What the document says that `kmem inspect` or `serveHeap` serves. */
interface SessionDocument {
  readonly files?: readonly { readonly name: string; readonly url: string; readonly byteLength: number }[];
  readonly live?: LiveAddress;
}

/** Asks a server what it has to show. Throws where it does not answer. */
export async function readSession(address: string): Promise<SessionFiles> {
  const base = new URL(address, document.baseURI);
  const response = await fetch(base);
  if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`);
  const { files = [], live } = (await response.json()) as SessionDocument;
  const whole = (url: string): string => new URL(url, base).href;
  return {
    files: files.map(({ name, url, byteLength }) => ({ name, url: whole(url), byteLength })),
    live: live === undefined ? undefined : { ...live, url: whole(live.url) },
  };
}

/** Files that were dropped or chosen. */
export function placesOf(files: FileList | null | undefined): FilePlace[] {
  return [...(files ?? [])].map((blob) => ({ name: blob.name, blob }));
}
