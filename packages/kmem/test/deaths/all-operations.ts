import { ARRIVAL_OPERATIONS } from "./arrival-operations.ts";
import { ATOMIK_OPERATIONS } from "./atomik-operations.ts";
import { ENGINE_OPERATIONS } from "./engine-operations.ts";
import { FACE_OPERATIONS } from "./face-operations.ts";
import { GIET_OPERATIONS } from "./giet-operations.ts";
import { KEPT } from "./kept-operations.ts";
import { MADE_OPERATIONS } from "./made-operations.ts";
import { OPERATIONS } from "./operations.ts";
import { TRACE_OPERATIONS } from "./trace-operations.ts";
import type { Operation } from "./world.ts";

/** All that threads die in. */
export const ALL_OPERATIONS: readonly Operation[] = [
  ...OPERATIONS,
  ...KEPT,
  ...ARRIVAL_OPERATIONS,
  ...ENGINE_OPERATIONS,
  ...FACE_OPERATIONS,
  ...ATOMIK_OPERATIONS,
  ...GIET_OPERATIONS,
  ...TRACE_OPERATIONS,
  ...MADE_OPERATIONS,
];
