import { extname } from "node:path";
import { heapContender } from "kmem-cli/internal/contenders/heap-contender";
import { knownContenders } from "kmem-cli/internal/contenders/known-contenders";
import { PEER_OPTIONS, wasmContender } from "kmem-cli/internal/contenders/peer-contenders";
import type { Contender } from "kmem-cli/internal/replay/contender";
import { compileTlsf } from "./compile-tlsf.ts";
import { packageManifest } from "./package-manifest.ts";

/** The one of the command's contenders before which those of the laboratory stand in the tables. */
const NEXT_NAME = "uint8array";

/** Every contender of the command, and those that are npm packages of this workspace, in the order of the tables. */
export function labContenders(): readonly Contender[] {
  const known = knownContenders();
  return known.toSpliced(
    known.findIndex(({ name }) => name === NEXT_NAME),
    0,
    wasmContender("as-tlsf", compileTlsf),
    npmPackage("thi.ng", "@thi.ng/malloc", "thi-ng"),
    npmPackage("codemix", "malloc", "codemix"),
    heapContender("kmem-words", ownModule("kmem-words"), "a word for 32 blocks", {
      isByNameOnly: true,
      canCheck: false,
      note: "an experiment for one thread: nothing is given back",
    }),
  );
}

/** A module of this folder. */
function ownModule(module: string): URL {
  return new URL(`./${module}${extname(import.meta.url)}`, import.meta.url);
}

function npmPackage(name: string, packageName: string, module: string): Contender {
  return heapContender(name, ownModule(module), "", {
    ...PEER_OPTIONS,
    find: async () => ({ version: `${packageName} ${packageManifest(packageName).version}`, env: {} }),
  });
}
