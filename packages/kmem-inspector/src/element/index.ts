/**
 * The element `<kmem-inspector>`: looks into dumps, traces, and a heap of the page.
 *
 * @module
 */
import { defineElements } from "./define.ts";

export type { InspectorState, KmemInspectorElement } from "./public-types.ts";

defineElements();
