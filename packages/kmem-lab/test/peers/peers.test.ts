import { describePeers, HEAP_BYTES, peer, wasmPeer } from "../../../kmem-cli/test/contenders/peer-suite.ts";
import { CodemixHeap } from "../../src/peers/codemix.ts";
import { compileTlsf } from "../../src/peers/compile-tlsf.ts";
import { packageManifest } from "../../src/peers/package-manifest.ts";
import { ThingHeap } from "../../src/peers/thi-ng.ts";

describePeers([
  await wasmPeer("as-tlsf", compileTlsf),
  await peer("thi.ng", async () => {
    packageManifest("@thi.ng/malloc");
    return () => new ThingHeap(HEAP_BYTES);
  }),
  await peer("codemix", async () => {
    packageManifest("malloc");
    return () => new CodemixHeap(HEAP_BYTES);
  }),
]);
