/** What there is to see of a dump. */
export const DUMP_VIEWS = [
  { id: "map", label: "Map" },
  { id: "layers", label: "Layers" },
  { id: "sites", label: "Who" },
  { id: "findings", label: "Findings" },
  { id: "compare", label: "Compare" },
] as const;
/** What there is to see of a trace. */
export const TRACE_VIEWS = [
  { id: "time", label: "Time" },
  { id: "callers", label: "Who" },
] as const;

/** The id of one of them. */
export type ViewId = (typeof DUMP_VIEWS)[number]["id"] | (typeof TRACE_VIEWS)[number]["id"];

/** An address to go to, and whether the map is to move there. */
export interface Going {
  readonly address: number;
  readonly isToBeFound: boolean;
}
