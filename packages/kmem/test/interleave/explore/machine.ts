import { Effect, type PendingAccess, type Place, REQUEST_NAMES, Request } from "../runtime/access.ts";
import { isPossible, type Runtime } from "../runtime/runtime.ts";
import { type ThreadBody, VirtualThread } from "../runtime/virtual-thread.ts";

/** One step that was made: an access, and what its thread did by itself after it. */
export interface Event extends Place {
  readonly thread: number;
  /** The thread's number for the access. */
  readonly ordinal: number;
  readonly site: number;
  readonly request: string;
  /** Number of the event that made this one possible at all, -1 for none: a notification, the write a spinner saw. */
  readonly releasedBy: number;
}

/** So many turns of spinning threads in a row, while nobody else can do anything, are a livelock. */
const IDLE_TURNS = 10_000;
/** So many timeouts while nobody else can do anything are a wait that never ends. */
const IDLE_TIMEOUTS = 100;

export interface MachineOptions {
  /**
   * Sleeps of each thread that may end by their timeout at any time. All later ones last until no thread can do
   * anything else: most sleeps are so long.
   */
  readonly freeTimeouts?: number;
}

/**
 * One run: virtual threads on one runtime. `enabled` says who can make a step, `step` lets one make it. All else is the
 * scheduler's business.
 */
export class Machine {
  readonly threads: readonly VirtualThread[];
  readonly #runtime: Runtime;
  readonly #sleepers: VirtualThread[] = [];
  /** Number of the event that gave each lock back last. */
  readonly #unlocks = new Map<string, number>();
  #eventCount = 0;
  #idleTurns = 0;
  /** Sleeps that ended by their timeout while no thread could do anything else. */
  idleTimeouts = 0;

  readonly #freeTimeouts: number;

  constructor(runtime: Runtime, bodies: readonly ThreadBody[], options: MachineOptions = {}) {
    this.#runtime = runtime;
    this.#freeTimeouts = options.freeTimeouts ?? 0;
    this.threads = bodies.map((body, number) => new VirtualThread(number, body));
    runtime.clockMs = 0;
    runtime.onWrite = (writer, place) => this.#releaseSpinners(writer, place);
  }

  /** Lets each thread go on to its first access that the scheduler places. */
  start(): void {
    for (const { number } of this.threads) this.startThread(number);
  }

  startThread(number: number): void {
    this.#resume(this.threads[number] as VirtualThread);
  }

  /** The set of threads that can make a step: a bit each. */
  enabled(): number {
    let ready = 0;
    let paused = 0;
    let timed = 0;
    for (const { state, bit, timeoutMs, timeouts, pending } of this.threads) {
      if (state === "ready" || state === "woken") {
        if (pending !== undefined && isPossible(pending)) ready |= bit;
      } else if (state === "paused") paused |= bit;
      else if (state === "asleep" && timeoutMs !== Number.POSITIVE_INFINITY) {
        if (timeouts < this.#freeTimeouts) ready |= bit;
        else timed |= bit;
      }
    }
    if (ready !== 0) return ready;
    // Nobody will change what the spinners have read, so they spin on; time passes when even that leads nowhere.
    if (paused !== 0 && this.#idleTurns < IDLE_TURNS) return paused;
    return this.idleTimeouts < IDLE_TIMEOUTS ? timed : 0;
  }

  /** Whether no thread can make a step though some are not over. */
  get isStuck(): boolean {
    return this.enabled() === 0 && this.threads.some((thread) => !thread.isOver);
  }

  /** What a thread would do in its next step. */
  pendingOf(number: number): PendingAccess | undefined {
    const thread = this.threads[number];
    return thread?.state === "ready" || thread?.state === "asleep" ? thread.pending : undefined;
  }

  step(number: number): Event {
    const thread = this.threads[number] as VirtualThread;
    const access = thread.pending as PendingAccess;
    const { state, ordinal } = thread;
    const releasedBy = access.request === Request.LOCK ? this.#lastUnlock(access) : thread.releasedBy;
    thread.releasedBy = -1;
    thread.pending = undefined;
    thread.stepBegan = ordinal;
    let { effect } = access;
    let failure: { error: unknown } | undefined;
    this.#idleTurns = state === "paused" ? this.#idleTurns + 1 : 0;
    thread.state = "ready";
    if (state === "asleep") effect = this.#timeOut(thread, access);
    else if (access.request === Request.RESUME) effect = this.#wake();
    else if (access.request === Request.WAIT) effect = this.#wait(thread, access);
    else if (access.request === Request.NOTIFY) this.#notify(access);
    else if (access.request === Request.PAUSE) thread.watched = [];
    else {
      try {
        effect = this.#runtime.perform(thread, access);
      } catch (error) {
        failure = { error };
      }
    }
    if (access.request === Request.UNLOCK) this.#unlocks.set(placeKey(access), this.#eventCount);
    const { memory, first, end, site } = access;
    const request = state === "asleep" ? "timeout" : nameOf(access);
    const event: Event = { thread: number, ordinal, site, request, memory, first, end, effect, releasedBy };
    this.#eventCount++;
    if (thread.stores >= thread.killAfterStores) thread.state = "killed";
    else if ((thread.state as string) !== "asleep") this.#resume(thread, failure);
    return event;
  }

  /** Lets a thread run up to its next access that the scheduler places. */
  #resume(thread: VirtualThread, failure?: { error: unknown }): void {
    const runtime = this.#runtime;
    runtime.current = thread;
    try {
      const { body } = thread;
      const result = failure === undefined ? body.next() : (body.throw?.(failure.error) as IteratorResult<unknown>);
      if (result.done === true) {
        thread.state = "finished";
        thread.result = result.value;
      } else if (thread.pending?.request === Request.PAUSE) {
        thread.state = isUnchanged(thread) ? "paused" : "ready";
      }
    } catch (error) {
      thread.state = "finished";
      thread.error = error;
    } finally {
      runtime.current = undefined;
    }
  }

  #wait(thread: VirtualThread, access: PendingAccess): number {
    const [expected, timeoutMs = Number.POSITIVE_INFINITY] = access.operands as [number, number?];
    thread.ordinal++;
    access.memory?.record(access.first, access.end, thread.bit, false);
    if ((access.target as Int32Array)[access.index] !== expected) {
      this.#runtime.value = "not-equal";
      return Effect.READ;
    }
    thread.state = "asleep";
    thread.timeoutMs = Number.isNaN(timeoutMs) ? Number.POSITIVE_INFINITY : Math.max(0, timeoutMs);
    thread.pending = { ...access, request: Request.RESUME, effect: Effect.QUEUE };
    this.#sleepers.push(thread);
    return access.effect;
  }

  #notify({ memory, first, operands }: PendingAccess): void {
    const limit = (operands[0] as number | undefined) ?? Number.POSITIVE_INFINITY;
    let count = 0;
    for (const sleeper of [...this.#sleepers]) {
      if (count >= limit || sleeper.pending?.memory !== memory || sleeper.pending?.first !== first) continue;
      this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
      sleeper.state = "woken";
      sleeper.releasedBy = this.#eventCount;
      count++;
    }
    this.#runtime.value = count;
  }

  #wake(): number {
    this.#runtime.value = "ok";
    return Effect.NONE;
  }

  #timeOut(thread: VirtualThread, access: PendingAccess): number {
    this.#sleepers.splice(this.#sleepers.indexOf(thread), 1);
    this.#runtime.clockMs += thread.timeoutMs;
    this.#runtime.value = "timed-out";
    if (thread.timeouts++ >= this.#freeTimeouts) this.idleTimeouts++;
    return access.effect;
  }

  #lastUnlock(access: PendingAccess): number {
    return this.#unlocks.get(placeKey(access)) ?? -1;
  }

  #releaseSpinners(writer: VirtualThread, place: Place): void {
    for (const thread of this.threads) {
      if (thread === writer || thread.state !== "paused") continue;
      const isSeen = thread.watched.some(
        ({ memory, first, end }) => memory === place.memory && first < place.end && place.first < end,
      );
      if (!isSeen) continue;
      thread.state = "woken";
      thread.releasedBy = this.#eventCount;
    }
  }
}

/** The address is enough: locks of different memories only look more alike than they are. */
function placeKey({ first }: Place): string {
  return String(first);
}

/** Whether all that a spinner has read since its last turn is as it was; false when it has read nothing. */
function isUnchanged({ watched }: VirtualThread): boolean {
  return watched.length > 0 && watched.every(({ target, index, seen }) => (target as Int32Array)[index] === seen);
}

function nameOf({ request, atomic }: PendingAccess): string {
  return request === Request.ATOMIC ? atomic : (REQUEST_NAMES[request] as string);
}
