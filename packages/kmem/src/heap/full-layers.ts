import type { Layers } from "../kmalloc/layers.ts";
import { openCoreLayers } from "../kmalloc/open-layers.ts";
import { PAGE_SIZE } from "../memory/layout.ts";
import { Sheaves } from "../slab/sheaf.ts";
import { accessTo, viewedLayers } from "./access.ts";

/** As `viewedLayers`, with all that layers can do: a heap of one thread has less. */
export function layersToView(heap: object): Layers {
  return fully(heap, viewedLayers(heap));
}

/** The same, to change something: the slot must still be this thread's. */
export function layersToChange(heap: object): Layers {
  return fully(heap, accessTo(heap).current());
}

function fully(heap: object, layers: Layers): Layers {
  if (!accessTo(heap).isLocal) return layers;
  const { memory, geometry, slot } = layers;
  const core = openCoreLayers(memory, geometry.baseFrame * PAGE_SIZE);
  return { ...core, sheaves: Sheaves.at(core, core.slots.area(slot), slot), slot };
}
