import type { Random } from "../../../kmem/test/support/random.ts";
import type { EventStream } from "../../src/trace/event-context.ts";
import { OP, type OpSink } from "../../src/trace/op-stream.ts";

const LIVE_MAX = 300;
const CACHES = 5;

interface Block {
  readonly slot: number;
  readonly code: number;
  size: number;
  readonly aux: number;
  /** Of pages: runs that are still live, as first page and count. */
  readonly runs: [number, number][];
}

/** Hands a random sequence of operations that can be to a sink, with contexts; slots are taken in any order. */
export function randomTrace(random: Random, count: number, sink: OpSink, stream: EventStream): void {
  const { tables, context } = stream;
  for (let id = 0; id < CACHES; id += 1)
    tables.caches.push({ name: `c${id}`, objectBytes: id * 8, allocBytes: id * 16 });
  const live: Block[] = [];
  const free = Array.from({ length: LIVE_MAX }, (_, slot) => slot);
  let timeNs = 1_000_000;
  for (let done = 0; done < count; done += 1) {
    timeNs += random.below(5000) - 500;
    context.timeNs = random.below(1000) === 0 ? -1 : timeNs;
    context.cpu = random.below(4);
    context.thread = tables.thread(`t${random.below(7)}`);
    let stack = 0;
    for (let depth = random.below(4); depth > 0; depth -= 1) {
      stack = tables.stacks.intern(stack, tables.frame(`f${random.below(30)}`));
    }
    context.stack = stack;
    context.allocatedBytes = 0;
    const block = live[random.below(LIVE_MAX)];
    if (block === undefined && free.length > 0) live.push(makeBlock(random, takeAny(random, free), sink, stream));
    else if (block !== undefined)
      use(random, block, sink, () => {
        live.splice(live.indexOf(block), 1);
        free.push(block.slot);
      });
  }
}

function takeAny<T>(random: Random, from: T[]): T {
  return from.splice(random.below(from.length), 1)[0]!;
}

function makeBlock(random: Random, slot: number, sink: OpSink, { context }: EventStream): Block {
  const size = random.below(10) === 0 ? 2 ** 32 - 1 - random.below(5) : random.below(5000);
  const codes = [OP.MALLOC, OP.CALLOC, OP.ALIGNED, OP.CACHE_ALLOC, OP.PAGE_ALLOC];
  const code = codes[random.below(codes.length)]!;
  const isPages = code === OP.PAGE_ALLOC;
  const block: Block = {
    slot,
    code,
    size: isPages ? random.below(6) : size,
    aux: code === OP.CACHE_ALLOC ? random.below(CACHES) : 0,
    runs: [],
  };
  if (isPages) block.runs.push([0, 2 ** block.size]);
  else if (random.below(2) === 0) context.allocatedBytes = Math.min(2 ** 32 - 1, size + random.below(64));
  sink.op(code, code === OP.ALIGNED ? random.below(12) : 0, slot, block.size, block.aux);
  return block;
}

function use(random: Random, block: Block, sink: OpSink, remove: () => void): void {
  if (block.code === OP.PAGE_ALLOC) {
    const [first, count] = takeAny(random, block.runs);
    const part = 1 + random.below(count);
    sink.op(OP.PAGE_FREE, 0, block.slot, part, first);
    if (part < count) block.runs.push([first + part, count - part]);
    if (block.runs.length === 0) remove();
  } else if (block.code === OP.CACHE_ALLOC) {
    sink.op(OP.CACHE_FREE, 0, block.slot, block.size, block.aux);
    remove();
  } else if (random.below(3) === 0) {
    const size = random.below(9000);
    sink.op(OP.REALLOC, 0, block.slot, size, block.size);
    block.size = size;
  } else {
    sink.op(OP.FREE, 0, block.slot, block.size, 0);
    remove();
  }
}
