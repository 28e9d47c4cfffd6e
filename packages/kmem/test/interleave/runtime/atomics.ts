import { Effect, type PendingAccess } from "./access.ts";

/** What a function of Atomics may do to its element; a compareExchange that fails has only read it. */
export function effectOfAtomic(name: string): number {
  if (name === "load") return Effect.READ;
  if (name === "store") return Effect.WRITE;
  if (name === "wait") return Effect.READ | Effect.QUEUE;
  if (name === "notify") return Effect.QUEUE;
  return Effect.READ | Effect.WRITE;
}

export function atomically(array: Int32Array, { atomic, index, operands }: PendingAccess): number {
  const [first, second] = operands as [number, number];
  switch (atomic) {
    case "load":
      return Atomics.load(array, index);
    case "store":
      return Atomics.store(array, index, first);
    case "add":
      return Atomics.add(array, index, first);
    case "sub":
      return Atomics.sub(array, index, first);
    case "and":
      return Atomics.and(array, index, first);
    case "or":
      return Atomics.or(array, index, first);
    case "xor":
      return Atomics.xor(array, index, first);
    case "exchange":
      return Atomics.exchange(array, index, first);
    case "compareExchange":
      return Atomics.compareExchange(array, index, first, second);
    default:
      throw new Error(`Atomics.${atomic} cannot be scheduled`);
  }
}
