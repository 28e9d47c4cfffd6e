// The dump that the inspector is tried with: a shop whose program leaks orders, writes past the end of one of them, and
// has lost a thread. Always the same bytes: its clock is its own, and the stacks in it name files that it makes up.
import vm from "node:vm";
import { dumpHeap } from "kmem";
import { DebugHeap } from "kmem/debug";

const SIZE_BYTES = 2 ** 23;
const START_MS = Date.UTC(2026, 0, 5, 9);
const HOUR_MS = 3_600_000;
const ROUNDS = 900;
/** Frames of the program itself: those below are of who runs it. */
const STACK_DEPTH = 2;

/** The program, whose functions the call stacks in the dump name. */
const PROGRAM = `
(function start(heap, worker, random, pass) {
  const open = [];
  const carts = [];
  function loadCatalogue() { for (let n = 0; n < 420; n++) heap.alloc(96 + random(280)); }
  function openSession() { return { block: heap.alloc(320), cart: heap.alloc(64 + random(700)) }; }
  function closeSession({ block, cart }) { heap.free(block); heap.free(cart); }
  function renderPage() { const page = heap.alloc(2000 + random(14000)); heap.free(page); }
  function takeOrder() { return heap.alloc(480); }
  function keepReceipt() { return heap.alloc(40 + random(60)); }
  function cacheImages() { heap.alloc(150000); heap.alloc(48000); }
  function indexPages() { for (let n = 0; n < 120; n++) worker.alloc(100 + (n % 7) * 90); }
  function serve(round) {
    pass(round);
    open.push(openSession());
    renderPage();
    if (random(3) === 0) carts.push(keepReceipt());
    const order = takeOrder();
    // The bug: one order in nine is forgotten.
    if (round % 9 !== 0) heap.free(order);
    if (open.length > 60) closeSession(open.splice(random(open.length), 1)[0]);
    if (carts.length > 40) heap.free(carts.splice(random(carts.length), 1)[0]);
  }
  loadCatalogue();
  for (let round = 0; round < ${ROUNDS}; round++) serve(round);
  cacheImages();
  indexPages();
  return takeOrder();
})
`;

/** Numbers that look random and are always the same. */
function randomFrom(seed = 1) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Runs a function while the clock says what `clock` does. @template T @param {{ nowMs: number }} clock @param {() => T} action */
function withClock(clock, action) {
  const { now } = Date;
  Date.now = () => clock.nowMs;
  try {
    return action();
  } finally {
    Date.now = now;
  }
}

/** The dump. */
export function sampleDump() {
  const clock = { nowMs: START_MS };
  return withClock(clock, () => {
    const heap = DebugHeap.create({
      sizeBytes: SIZE_BYTES,
      slotCount: 8,
      debug: "FZPU",
      stackDepth: STACK_DEPTH,
      print: () => {},
    });
    const worker = DebugHeap.attach(heap.reserve(), { stackDepth: STACK_DEPTH });
    const start = vm.runInThisContext(PROGRAM, { filename: "shop/server.js" });
    const pass = (/** @type {number} */ round) => {
      clock.nowMs = START_MS + (HOUR_MS * round) / ROUNDS;
    };
    const last = start(heap, worker, randomFrom(), pass);
    heap.pages.alloc(24);
    heap.pages.alloc(3);
    heap.pages.free(heap.pages.alloc(8), 3);
    // The other bug: four bytes past the end of an order.
    heap.u8(last).fill(0x41);
    new Uint8Array(heap.buffer).fill(0x41, last + 480, last + 484);
    clock.nowMs += 1500;
    return dumpHeap(heap);
  });
}
