import { ALIGNED_LOAD } from "./aligned.ts";
import { AREAS } from "./areas.ts";
import { CONSTRUCTED } from "./constructed.ts";
import { FIFO } from "./fifo.ts";
import { LIFO } from "./lifo.ts";
import type { Load } from "./load.ts";
import { MIXED_SIZES } from "./mixed-sizes.ts";
import { PAGE_RUNS } from "./page-runs.ts";
import { STRINGS_LOAD } from "./strings.ts";
import { SWEEPS } from "./sweeps.ts";
import { VECTORS_LOAD } from "./vectors.ts";

/** Every synthetic load but random churn, which is measured by live blocks (see `live-blocks.ts`). */
export const KNOWN_LOADS: readonly Load[] = [
  LIFO,
  FIFO,
  MIXED_SIZES,
  VECTORS_LOAD,
  STRINGS_LOAD,
  ALIGNED_LOAD,
  PAGE_RUNS,
  CONSTRUCTED,
  AREAS,
  ...SWEEPS,
];
