import { dumpByteLength } from "kmem";
import { BlobSource, type ByteSource, BytesSource, RangeSource } from "./byte-source.ts";
import { packingOf, unpack, unpacked } from "./unpack.ts";

/** Where a file is: what a page hands to its workers. */
export type FilePlace =
  | { readonly name: string; readonly blob: Blob }
  | { readonly name: string; readonly url: string; readonly byteLength: number }
  | { readonly name: string; readonly bytes: Uint8Array };

/** The bytes of a file, as they lie there. */
export function sourceOf(place: FilePlace): ByteSource {
  if ("blob" in place) return new BlobSource(place.blob);
  return "url" in place ? new RangeSource(place.url, place.byteLength) : new BytesSource(place.bytes);
}

/** The unpacked bytes of a dump: the file itself where it is not packed. Throws for what is none. */
export function dumpSourceOf(place: FilePlace): ByteSource {
  const source = sourceOf(place);
  return packingOf(source) === "none" ? source : new BytesSource(unpacked(source, dumpByteLength));
}

/** Ends the unpacking of a file. */
class Enough extends Error {}

/** The first unpacked bytes of a file: as many as are wanted, or a few more, or all there are. */
export function firstBytes(source: ByteSource, wantedBytes: number): Uint8Array {
  if (packingOf(source) === "none") return source.read(0, Math.min(wantedBytes, source.byteLength));
  const pieces: Uint8Array[] = [];
  let heldBytes = 0;
  try {
    unpack(source, (piece) => {
      pieces.push(piece.slice());
      heldBytes += piece.length;
      if (heldBytes >= wantedBytes) throw new Enough();
    });
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  const head = new Uint8Array(heldBytes);
  let at = 0;
  for (const piece of pieces) {
    head.set(piece, at);
    at += piece.length;
  }
  return head;
}
