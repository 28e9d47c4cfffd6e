import { StoredTraceWriter } from "../forms/stored-writer.ts";
import { type BlockMatchCounts, BlockMatcher } from "../trace/block-matcher.ts";
import { EventStream } from "../trace/event-context.ts";
import { OP } from "../trace/op-stream.ts";
import { CALL, type NativeRecord, type RecordFile } from "./record-file.ts";
import { nameSites } from "./symbols.ts";

/** What a recorded program did. */
export interface RecordedCounts extends BlockMatchCounts {
  readonly eventCount: number;
  readonly allocCount: number;
  readonly liveBlockCount: number;
  readonly liveBytes: number;
  readonly peakLiveBytes: number;
}

/** Writes what the recorder has recorded of one program as a trace in kmem's own format. */
export function convertRecords(
  file: RecordFile,
  write: (bytes: Uint8Array) => void,
  notes: Readonly<Record<string, string>>,
): RecordedCounts {
  const stream = new EventStream(true);
  const writer = new StoredTraceWriter(write, stream);
  const matcher = new BlockMatcher(writer);
  const sites = new Set<number>();
  file.readAll(({ site }) => {
    sites.add(site);
  });
  const names = nameSites(sites, file.maps);
  const stacks = new Map<number, number>();
  const threads = new Map<number, number>();
  /** By thread: the block that its realloc is moving. */
  const moving = new Map<number, number>();
  const { context, tables } = stream;
  let allocCount = 0;
  file.readAll((record) => {
    context.timeNs = record.timeNs;
    context.stack = idOf(stacks, record.site, () => tables.site(names.get(record.site) ?? ""));
    context.thread = idOf(threads, record.thread, () => tables.thread(String(record.thread)));
    if (record.call !== CALL.FREE && record.call !== CALL.MOVE) allocCount += 1;
    apply(record, matcher, moving);
  });
  const { liveBlockCount, liveBytes, peakLiveBytes } = matcher.live;
  const counts = matcher.counts();
  writer.finish({ ...notes, "unknown frees": String(counts.frees.unknownCount) });
  return { ...counts, eventCount: writer.eventCount, allocCount, liveBlockCount, liveBytes, peakLiveBytes };
}

function idOf(ids: Map<number, number>, key: number, make: () => number): number {
  const known = ids.get(key);
  if (known !== undefined) return known;
  const id = make();
  ids.set(key, id);
  return id;
}

function apply(record: NativeRecord, matcher: BlockMatcher, moving: Map<number, number>): void {
  const { call, high, low, sizeBytes, thread } = record;
  switch (call) {
    case CALL.FREE:
      matcher.free(high, low);
      return;
    case CALL.MOVE:
      moving.set(thread, matcher.beginMove(high, low));
      return;
    case CALL.REALLOC: {
      const slot = moving.get(thread);
      moving.delete(thread);
      if (slot === undefined) matcher.alloc(OP.MALLOC, high, low, sizeBytes);
      else matcher.endMove(slot, high, low, sizeBytes);
      return;
    }
    case CALL.CALLOC:
      matcher.alloc(OP.CALLOC, high, low, sizeBytes);
      return;
    case CALL.ALIGNED:
      matcher.alloc(OP.ALIGNED, high, low, sizeBytes, Math.min(record.log2Align, 31));
      return;
    default:
      matcher.alloc(OP.MALLOC, high, low, sizeBytes);
  }
}
