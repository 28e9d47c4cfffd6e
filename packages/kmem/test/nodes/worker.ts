// A thread of the tests: at home on a node, it allocates there, sends its blocks to the next thread, which may be at
// home elsewhere, and verifies and frees what it gets itself.
import { parentPort, workerData } from "node:worker_threads";
import { Nodes, type NodesHandle } from "../../src/nodes/index.ts";
import { stamp, stampFault } from "../support/pattern.ts";
import { Random } from "../support/random.ts";
import { Mailbox } from "./mailbox.ts";

/** What a thread is to do. */
export interface NodesOrders {
  readonly handle: NodesHandle;
  readonly home: number;
  readonly seed: number;
  /** Blocks to send, and as many to receive. */
  readonly blocks: number;
  readonly inbox: SharedArrayBuffer;
  readonly outbox: SharedArrayBuffer;
  /** How many threads are still to attach: none begins before all have what they need. */
  readonly gate: SharedArrayBuffer;
}

/** What it has seen. */
export interface NodesReport {
  readonly problems: readonly string[];
  /** Blocks that this thread got of each node. */
  readonly blocksByNode: readonly number[];
  /** Blocks of other nodes than the thread's own that it freed. */
  readonly freedElsewhere: number;
}

const WAIT_MS = 5;
const LARGE_BYTES = 60_000;
const ORDINARY_BYTES = 3000;

function passGate(missing: Int32Array): void {
  Atomics.sub(missing, 0, 1);
  Atomics.notify(missing, 0);
  for (let left = Atomics.load(missing, 0); left > 0; left = Atomics.load(missing, 0)) Atomics.wait(missing, 0, left);
}

function work({ handle, home, seed, blocks, inbox, outbox, gate }: NodesOrders): NodesReport {
  const nodes = Nodes.attach(handle, { home });
  passGate(new Int32Array(gate));
  const random = new Random(seed);
  const [incoming, outgoing] = [new Mailbox(inbox), new Mailbox(outbox)];
  const problems: string[] = [];
  const blocksByNode = Array.from({ length: nodes.count }, () => 0);
  let freedElsewhere = 0;
  let sent = 0;
  let received = 0;
  const receive = (): boolean => {
    const parcel = incoming.receive(WAIT_MS);
    if (parcel === undefined) return false;
    const { address, sizeBytes, seed: pattern } = parcel;
    if (stampFault(nodes.u8(address), 0, sizeBytes, pattern) !== -1)
      problems.push(`the block at ${address} has changed`);
    if (nodes.nodeOf(address) !== home) freedElsewhere++;
    nodes.free(address);
    received++;
    return true;
  };
  while (sent < blocks) {
    const sizeBytes = random.size(random.below(30) === 0 ? LARGE_BYTES : ORDINARY_BYTES);
    const node = random.below(10) === 0 ? random.below(nodes.count) : home;
    const address = node === home ? nodes.tryAlloc(sizeBytes) : nodes.allocOn(node, sizeBytes);
    if (address === 0) {
      receive();
      continue;
    }
    blocksByNode[nodes.nodeOf(address)]++;
    const parcel = { address, sizeBytes, seed: seed * blocks + sent };
    stamp(nodes.u8(address), 0, sizeBytes, parcel.seed);
    while (!outgoing.send(parcel)) receive();
    sent++;
    if (random.below(2) === 0 && received < blocks) receive();
  }
  while (received < blocks) receive();
  nodes.detach();
  return { problems, blocksByNode, freedElsewhere };
}

parentPort?.postMessage(work(workerData as NodesOrders));
