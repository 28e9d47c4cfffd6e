import { CallersView } from "../views/callers-view.ts";
import { CompareView } from "../views/compare-view.ts";
import { DetailView } from "../views/detail-view.ts";
import { FindingsView } from "../views/findings-view.ts";
import { LayersView } from "../views/layers-view.ts";
import { MapView } from "../views/map-view.ts";
import { PlainMap } from "../views/plain-map.ts";
import { SitesView } from "../views/sites-view.ts";
import { TableView } from "../views/table-view.ts";
import { TimeView } from "../views/time-view.ts";
import { TreemapView } from "../views/treemap-view.ts";
import { KmemInspector } from "./inspector.ts";

const ELEMENTS: Readonly<Record<string, CustomElementConstructor>> = {
  "kmem-inspector-callers": CallersView,
  "kmem-inspector-compare": CompareView,
  "kmem-inspector-detail": DetailView,
  "kmem-inspector-findings": FindingsView,
  "kmem-inspector-layers": LayersView,
  "kmem-inspector-map": MapView,
  "kmem-inspector-plain-map": PlainMap,
  "kmem-inspector-sites": SitesView,
  "kmem-inspector-table": TableView,
  "kmem-inspector-time": TimeView,
  "kmem-inspector-treemap": TreemapView,
  "kmem-inspector": KmemInspector,
};

/** Defines the elements, each once, however often the module is loaded. */
export function defineElements(): void {
  for (const [name, element] of Object.entries(ELEMENTS)) {
    if (customElements.get(name) === undefined) customElements.define(name, element);
  }
}
