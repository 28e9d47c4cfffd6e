import { badArgument } from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";

/**
 * The bytes compressed as a `.gz` file: what pprof and all other readers of its profiles expect on a disk. Rejects with
 * `BAD_ARGUMENT` where the engine has no CompressionStream; Node and browsers have one, an AudioWorklet has none. O(n).
 */
export async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof CompressionStream === "undefined") {
    throw new KmemError("BAD_ARGUMENT", "this engine cannot compress: it has no CompressionStream");
  }
  if (!(ArrayBuffer.isView(bytes) && bytes instanceof Uint8Array)) throw badArgument("bytes", "a Uint8Array", bytes);
  const compressed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
}
