import { FrameKind, RunKind } from "kmem/layout";

/** What a page of a memory is, as the map shows it. */
export const FRAME_STATES = [
  { id: "program", label: "Not the heap's" },
  { id: "tables", label: "Header and tables" },
  { id: "free", label: "Free" },
  { id: "slab", label: "Slabs" },
  { id: "block", label: "Large blocks" },
  { id: "pages", label: "Page runs" },
  { id: "system", label: "Slots and the heap's own" },
  { id: "bucket", label: "Buckets" },
  { id: "vmalloc", label: "Virtual memory" },
  { id: "cached", label: "Pcp lists" },
  { id: "absent", label: "Absent" },
  { id: "unknown", label: "Unknown state" },
  { id: "data", label: "The program's data" },
  { id: "stack", label: "The program's stack" },
] as const;

/** The id of one of {@link FRAME_STATES}. */
export type FrameStateId = (typeof FRAME_STATES)[number]["id"];

const indexes = new Map<FrameStateId, number>(FRAME_STATES.map(({ id }, index) => [id, index]));

/** The place of a state in {@link FRAME_STATES}. */
export function stateIndex(id: FrameStateId): number {
  return indexes.get(id)!;
}

const BY_KIND: Readonly<Record<number, FrameStateId>> = {
  [FrameKind.ABSENT]: "absent",
  [FrameKind.FREE_HEAD]: "free",
  [FrameKind.FREE_TAIL]: "free",
  [RunKind.PAGES]: "pages",
  [RunKind.LARGE_BLOCK]: "block",
  [RunKind.SYSTEM]: "system",
  [RunKind.BUCKET]: "bucket",
  [RunKind.VMALLOC]: "vmalloc",
  [RunKind.CACHED]: "cached",
};

/** What a frame is by its kind, for frames after the tables. */
export function stateOfKind(kind: number): FrameStateId {
  if (kind >= FrameKind.FIRST_CACHE) return "slab";
  if (kind === FrameKind.RESERVED) return "program";
  // The kind of a run's tail is that of its head and one.
  return BY_KIND[kind] ?? BY_KIND[kind - 1] ?? "unknown";
}

/** Whether a kind is that of the tail of a run of pages. */
export function isRunTail(kind: number): boolean {
  return kind > FrameKind.FIRST_RUN && kind < FrameKind.FIRST_CACHE && (kind - FrameKind.FIRST_RUN) % 2 === 1;
}

/** Whether a kind is that of the head of a run of pages. */
export function isRunHead(kind: number): boolean {
  return kind >= FrameKind.FIRST_RUN && kind < FrameKind.FIRST_CACHE && (kind - FrameKind.FIRST_RUN) % 2 === 0;
}
