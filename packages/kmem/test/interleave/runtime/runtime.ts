import { Effect, type PendingAccess, type Place, Request, type RequestKind } from "./access.ts";
import { arrayMethod, collect, fromSteps } from "./array-methods.ts";
import { atomically, effectOfAtomic } from "./atomics.ts";
import { type AnyFunction, done, event, type Steps, type TwoForms } from "./steps.ts";
import { TrackedMemories, type TrackedMemory } from "./tracked-memory.ts";
import type { VirtualThread } from "./virtual-thread.ts";
import { isWide, wideMethod } from "./wide-methods.ts";

type Elements = Int32Array;

/** Reads that a loop of a spinner makes at the most. */
const WATCHED_READS = 4;
/** A thread that makes so many accesses without one that is shared runs in circles. */
const ENDLESS_ACCESSES = 20_000_000;

/**
 * What instrumented code calls. While no virtual thread runs, everything goes straight through. While one does, each
 * access is recorded, and one to a shared place is not made at once: the function answers true, the thread hands over
 * control, and the machine makes the access when it is the thread's turn.
 */
export class Runtime {
  /** The value of the access or call before. */
  value: unknown;
  current: VirtualThread | undefined;
  memories = new TrackedMemories();
  /** A memory of one thread whose accesses are handed over as those to shared memory are, to stop the thread there. */
  loneMemory: WebAssembly.Memory | undefined;
  /** The clock that virtual threads read; only a sleep that ends by its timeout moves it. */
  clockMs = 0;
  /** Whether every access is handed over, shared or not. */
  stopsEverywhere = false;
  /** Whether threads stop at the accesses that a schedule names and nowhere else. */
  isReplay = false;
  /** Told of each write that has been made. */
  onWrite: (thread: VirtualThread, place: Place) => void = () => {};
  /** Sites of accesses to shared places that code in its plain form made: these could not be placed. */
  readonly unplacedSites = new Set<number>();

  readonly #perRun: Set<unknown>[] = [];

  /** Forgets the buffers of the run before, and what modules have noted of them. */
  beginRun(): void {
    this.memories.beginRun();
    for (const set of this.#perRun) set.clear();
  }

  /** A set that a module keeps, for one run: the next one is not to find in it what is not garbage yet. */
  perRun(): Set<unknown> {
    const set = new Set<unknown>();
    this.#perRun.push(set);
    return set;
  }

  load(array: Elements, index: number, site: number): boolean {
    const thread = this.current;
    // A property whose name is a symbol looks like an element.
    const isElement = typeof index === "number" && index >= 0 && index < array.length;
    if (thread === undefined || !this.#isManaged(array) || !isElement) {
      this.value = array[index];
      return false;
    }
    return this.#elementAccess(thread, Request.LOAD, array, index, Effect.READ, undefined, site);
  }

  store(array: Elements, index: number, value: unknown, site: number): boolean {
    const thread = this.current;
    if (thread === undefined || !this.#isManaged(array) || !(index >= 0 && index < array.length)) {
      array[index] = value as number;
      this.value = value;
      return false;
    }
    return this.#elementAccess(thread, Request.STORE, array, index, Effect.WRITE, value, site);
  }

  atomic(name: string, site: number, ...values: unknown[]): boolean {
    const thread = this.current;
    const [target, index, ...operands] = values as [Elements, number, ...unknown[]];
    if (name === "pause" && thread !== undefined) return this.#pause(thread, site);
    if (thread === undefined || !this.#isManaged(target) || !(index >= 0 && index < target.length)) {
      this.value = (Atomics as unknown as Record<string, AnyFunction>)[name]?.(...values);
      return false;
    }
    const bytes = target.BYTES_PER_ELEMENT;
    const first = target.byteOffset + index * bytes;
    const memory = this.memories.of(target.buffer);
    const request = name === "wait" ? Request.WAIT : name === "notify" ? Request.NOTIFY : Request.ATOMIC;
    const place = { memory, first, end: first + bytes, effect: effectOfAtomic(name) };
    return this.#ask(thread, { ...place, request, site, target, index, atomic: name, operands });
  }

  /** Takes a lock as if in one step, once it is free; in place of the library's own way of waiting for it. */
  lock(words: Elements, word: number, owner: number, site: number): boolean {
    return this.#lockAccess(Request.LOCK, Effect.LOCK, words, word, owner, site);
  }

  unlock(words: Elements, word: number, site: number): boolean {
    return this.#lockAccess(Request.UNLOCK, Effect.UNLOCK, words, word, 0, site);
  }

  /** Reads a property that may be a getter of the library or of the platform. */
  read(object: object, name: string, stepsName: string, site: number): Steps {
    const steps = (object as Record<string, AnyFunction | undefined>)[stepsName];
    if (steps !== undefined) return steps.call(object) as Steps;
    if (name === "buffer" && object instanceof WebAssembly.Memory)
      return this.#askMemory(Request.BUFFER, object, site, []);
    return done((object as Record<string, unknown>)[name]);
  }

  call(callee: TwoForms, site: number, ...values: unknown[]): Steps {
    return this.callOn(callee, undefined, site, ...values);
  }

  callOn(callee: TwoForms, owner: unknown, site: number, ...values: unknown[]): Steps {
    const { $g, $i } = callee;
    if ($g !== undefined) return $g.apply(callee.$t ?? owner, values);
    if ($i !== undefined) return done($i.apply(callee.$t ?? owner, values));
    if (callee === (Atomics as { pause?: unknown }).pause && this.current !== undefined) return this.#pauseSteps(site);
    return done(callee.apply(owner, values));
  }

  method(owner: object, name: string, stepsName: string, site: number, ...values: unknown[]): Steps {
    const members = owner as Record<string, TwoForms | undefined>;
    const steps = members[stepsName];
    if (steps !== undefined) return steps.apply(owner, values) as Steps;
    const iterator = members[`${name}$i`];
    if (iterator !== undefined) return done(iterator.apply(owner, values));
    if (this.current !== undefined) {
      if (ArrayBuffer.isView(owner) && this.#isManaged(owner as Elements)) {
        if (isWide(name)) return wideMethod(this, owner as Elements, name, values as number[], site);
      } else if (owner instanceof WebAssembly.Memory && name === "grow") {
        return this.#askMemory(Request.GROW, owner, site, values);
      } else if (owner === performance && name === "now") {
        return done(this.clockMs);
      } else if (Array.isArray(owner)) {
        const emulated = arrayMethod(this, owner, name, values, site);
        if (emulated !== undefined) return emulated;
      } else if (owner === Array && name === "from") {
        return fromSteps(this, values, site);
      }
    }
    const callee = members[name];
    if (callee === undefined) throw new TypeError(`${name} is not a function`);
    return this.callOn(callee, owner, site, ...values);
  }

  /** The values of an iterable as an array; anything else as it is. */
  collect(source: unknown, site: number): Steps {
    return collect(this, source, site);
  }

  /** What a loop over `source` goes through. */
  iterable(source: unknown): unknown {
    return source;
  }

  both(plain: TwoForms, steps: (...values: unknown[]) => Steps, owner: unknown): TwoForms {
    plain.$g = steps;
    plain.$t = owner;
    return plain;
  }

  bothIterators(plain: TwoForms, steps: AnyFunction): TwoForms {
    plain.$i = steps;
    return plain;
  }

  plainLoad(array: Elements, index: number, site: number): unknown {
    if (this.current !== undefined && typeof index === "number") {
      this.#recordPlain(array, index, index + 1, Effect.READ, site);
    }
    return array[index];
  }

  plainStore(array: Elements, index: number, value: unknown, site: number): unknown {
    if (this.current !== undefined) this.#recordPlain(array, index, index + 1, Effect.WRITE, site);
    array[index] = value as number;
    return value;
  }

  plainUpdate(array: Elements, index: number, compute: (old: unknown) => unknown, site: number): unknown {
    return this.plainStore(array, index, compute(this.plainLoad(array, index, site)), site);
  }

  plainLogical(
    array: Elements,
    index: number,
    assign: (load: () => unknown, store: (value: unknown) => unknown) => unknown,
    site: number,
  ): unknown {
    return assign(
      () => this.plainLoad(array, index, site),
      (value) => this.plainStore(array, index, value, site),
    );
  }

  plainAtomic(name: string, site: number, ...values: unknown[]): unknown {
    if (this.current !== undefined && name !== "pause") {
      const [array, index] = values as [Elements, number];
      if (name === "wait") throw new Error("code in its plain form cannot sleep in a virtual thread");
      this.#recordPlain(array, index, index + 1, effectOfAtomic(name), site);
    }
    return (Atomics as unknown as Record<string, AnyFunction>)[name]?.(...values);
  }

  plainMethod(owner: Elements, name: string, site: number, ...values: unknown[]): unknown {
    if (this.current !== undefined && ArrayBuffer.isView(owner)) {
      const effect = name === "fill" || name === "copyWithin" || name === "set" ? Effect.WRITE : Effect.READ;
      this.#recordPlain(owner, 0, owner.length, effect, site);
    }
    return (owner as unknown as Record<string, AnyFunction>)[name]?.(...values);
  }

  plainBuffer(object: { buffer: unknown }, site: number): unknown {
    if (this.current !== undefined && object instanceof WebAssembly.Memory) {
      const number = this.memories.numberOf(object);
      const place = { memory: this.memories.lengths, first: number, end: number + 1, effect: Effect.READ };
      this.#notePlain(this.current, place, site);
    }
    return object.buffer;
  }

  /** Whether an access to these elements has to be made one by one. */
  mustPlace(array: Elements, from: number, to: number): boolean {
    const thread = this.current;
    if (thread === undefined || !this.#isManaged(array)) return false;
    if (this.stopsEverywhere || this.isReplay || thread.killAfterStores !== Number.POSITIVE_INFINITY) return true;
    const bytes = array.BYTES_PER_ELEMENT;
    const first = array.byteOffset;
    return this.memories.of(array.buffer).isShared(first + from * bytes, first + to * bytes);
  }

  /** Records an access to many elements none of which is shared. */
  recordWide(array: Elements, from: number, to: number, effect: number): void {
    const thread = this.current;
    if (thread === undefined || from >= to || !this.#isManaged(array)) return;
    const bytes = array.BYTES_PER_ELEMENT;
    const first = array.byteOffset;
    const memory = this.memories.of(array.buffer);
    // As many as when they are made one by one, so that a schedule means the same either way.
    thread.ordinal += to - from;
    memory.record(first + from * bytes, first + to * bytes, thread.bit, (effect & Effect.WRITE) !== 0);
  }

  /** Makes an access whose turn it is, and records it; returns its effect as it turned out. */
  perform(thread: VirtualThread, access: PendingAccess): number {
    let { effect } = access;
    const array = access.target as Elements;
    switch (access.request) {
      case Request.LOAD:
        this.value = array[access.index];
        break;
      case Request.STORE:
        array[access.index] = access.operands[0] as number;
        this.value = access.operands[0];
        break;
      case Request.ATOMIC:
        this.value = atomically(array, access);
        if (access.atomic === "compareExchange" && this.value !== access.operands[0]) effect = Effect.READ;
        break;
      case Request.BUFFER:
        this.value = (access.target as WebAssembly.Memory).buffer;
        break;
      case Request.LOCK:
      case Request.UNLOCK:
        array[access.index] = access.operands[0] as number;
        thread.stores++;
        access.memory?.record(access.first, access.end, thread.bit, true);
        return effect;
      case Request.GROW:
        this.value = (access.target as WebAssembly.Memory).grow(access.operands[0] as number);
        break;
      default:
        return effect;
    }
    access.memory?.record(access.first, access.end, thread.bit, (effect & Effect.WRITE) !== 0);
    if ((effect & Effect.WRITE) !== 0) {
      thread.stores++;
      if (thread.killAfterStores !== Number.POSITIVE_INFINITY) thread.storeSites.push(access.site);
      thread.watched = [];
      this.onWrite(thread, access);
    } else if (access.request === Request.ATOMIC || access.request === Request.LOAD) {
      const { memory, first, end, target, index } = access;
      if (thread.watched.length === WATCHED_READS) thread.watched.shift();
      thread.watched.push({ memory, first, end, effect, target, index, seen: this.value });
    }
    return effect;
  }

  #elementAccess(
    thread: VirtualThread,
    request: RequestKind,
    array: Elements,
    index: number,
    effect: number,
    value: unknown,
    site: number,
  ): boolean {
    const bytes = array.BYTES_PER_ELEMENT;
    const first = array.byteOffset + index * bytes;
    const memory = this.memories.of(array.buffer);
    const isWrite = effect === Effect.WRITE;
    if (this.#isQuick(thread, memory, first, first + bytes)) {
      thread.ordinal++;
      memory.record(first, first + bytes, thread.bit, isWrite);
      if (isWrite) {
        array[index] = value as number;
        this.value = value;
        thread.stores++;
        thread.watched = [];
      } else {
        this.value = array[index];
      }
      return false;
    }
    const place = { memory, first, end: first + bytes, effect };
    return this.#ask(thread, { ...place, request, site, target: array, index, atomic: "", operands: [value] });
  }

  #lockAccess(
    request: RequestKind,
    effect: number,
    words: Elements,
    word: number,
    owner: number,
    site: number,
  ): boolean {
    const thread = this.current as VirtualThread;
    const bytes = words.BYTES_PER_ELEMENT;
    const first = words.byteOffset + word * bytes;
    const place = { memory: this.memories.of(words.buffer), first, end: first + bytes, effect };
    return this.#ask(thread, { ...place, request, site, target: words, index: word, atomic: "", operands: [owner] });
  }

  /** Whether an access is nobody else's business, so that nothing needs to be remembered of it. */
  #isQuick(thread: VirtualThread, memory: TrackedMemory, first: number, end: number): boolean {
    if (this.stopsEverywhere || this.isReplay || thread.killAfterStores !== Number.POSITIVE_INFINITY) return false;
    return !memory.isShared(first, end) && thread.ordinal - thread.stepBegan < ENDLESS_ACCESSES;
  }

  #ask(thread: VirtualThread, access: PendingAccess): boolean {
    thread.ordinal++;
    if (thread.ordinal - thread.stepBegan > ENDLESS_ACCESSES) throw new Error("a thread runs in circles by itself");
    const { request } = access;
    const stopsAlways = request === Request.WAIT || request === Request.NOTIFY || request === Request.PAUSE;
    if (stopsAlways || !isPossible(access) || this.#stopsAt(thread, access)) {
      thread.pending = access;
      return true;
    }
    this.perform(thread, access);
    if (thread.stores < thread.killAfterStores) return false;
    thread.state = "killed";
    return true;
  }

  #stopsAt(thread: VirtualThread, access: Place): boolean {
    if (this.isReplay) return thread.ordinal === thread.stopAt;
    return this.stopsEverywhere || access.memory?.isShared(access.first, access.end) === true;
  }

  #pause(thread: VirtualThread, site: number): boolean {
    const place = { memory: undefined, first: 0, end: 0, effect: Effect.NONE };
    this.value = undefined;
    return this.#ask(thread, {
      ...place,
      request: Request.PAUSE,
      site,
      target: undefined,
      index: 0,
      atomic: "",
      operands: [],
    });
  }

  *#pauseSteps(site: number): Steps {
    if (this.current !== undefined && this.#pause(this.current, site)) yield event;
  }

  *#askMemory(request: RequestKind, memory: WebAssembly.Memory, site: number, operands: unknown[]): Steps {
    const thread = this.current as VirtualThread;
    const number = this.memories.numberOf(memory);
    const effect = request === Request.GROW ? Effect.READ | Effect.WRITE : Effect.READ;
    const place = { memory: this.memories.lengths, first: number, end: number + 1, effect };
    if (this.#ask(thread, { ...place, request, site, target: memory, index: 0, atomic: "", operands })) yield event;
    return this.value;
  }

  #recordPlain(array: Elements, from: number, to: number, effect: number, site: number): void {
    const thread = this.current;
    if (thread === undefined || !this.#isManaged(array) || !(from >= 0 && to <= array.length)) return;
    const bytes = array.BYTES_PER_ELEMENT;
    const start = array.byteOffset;
    const place = { first: start + from * bytes, end: start + to * bytes, effect };
    this.#notePlain(thread, { memory: this.memories.of(array.buffer), ...place }, site);
  }

  #notePlain(thread: VirtualThread, { memory, first, end, effect }: Place, site: number): void {
    if (memory === undefined || first >= end) return;
    thread.ordinal++;
    const isWrite = (effect & Effect.WRITE) !== 0;
    if (isWrite) thread.stores++;
    memory.record(first, end, thread.bit, isWrite);
    if (memory.isShared(first, end)) this.unplacedSites.add(site);
  }

  /** Whether it is a typed array over memory that threads share, or over that of the one thread there is. */
  #isManaged(array: Elements): boolean {
    if (!ArrayBuffer.isView(array)) return false;
    return array.buffer instanceof SharedArrayBuffer || array.buffer === this.loneMemory?.buffer;
  }
}

/** Whether an access can be made now: all can, but for taking a lock that is held. */
export function isPossible({ request, target, index }: PendingAccess): boolean {
  return request !== Request.LOCK || (target as Int32Array)[index] === 0;
}
