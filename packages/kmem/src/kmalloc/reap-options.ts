import {
  anyValue,
  badArgument,
  type Checks,
  describeValue,
  isUint32,
  readOptions,
  requireCount,
} from "../memory/arguments.ts";
import { KmemError } from "../memory/errors.ts";
import { isHeldSlot } from "../sync/slot.ts";
import type { Layers } from "./layers.ts";

/** What becomes of the blocks and pages of a thread that is gone. */
export interface ReapOptions {
  /**
   * `keep`: they stay as they are, and its slot stays dead until they are reaped otherwise. `free`: they are freed.
   * `give`: they become those of the slot `to`. Default `keep`. Virtual areas and trace rings that it made go with
   * them, and with a mempool's block the pool: nobody may use them any more where they are freed. Elements of a pool
   * that other threads allocated stay those threads' blocks.
   */
  readonly blocks?: "keep" | "free" | "give";
  /** The slot that gets them with `give`. Default: the caller's. */
  readonly to?: number;
  /**
   * How often the slot had been taken when the dead thread took it: a thread that has the slot by now is left alone.
   */
  readonly generation?: number;
}

const REAP_CHECKS: Checks<ReapOptions> = { blocks: anyValue, to: anyValue, generation: requireCount };

/** The options of a reaping, read once. Throws BAD_ARGUMENT. */
export function readReapOptions(options: ReapOptions): ReapOptions {
  return readOptions("options", options, REAP_CHECKS);
}

/** The slot that gets what is given on. Throws BAD_ARGUMENT for other options, and for slots that do not exist. */
export function requireReapOptions(layers: Layers, slot: number, { blocks = "keep", to }: ReapOptions): number {
  const { slots, slot: own } = layers;
  const receiver = to === undefined ? own : to;
  if (!Number.isInteger(slot) || slot < 0 || slot >= slots.count) {
    throw new KmemError("BAD_ARGUMENT", `there is no slot ${describeValue(slot)}`, { slot });
  }
  if (slot === own) throw new KmemError("BAD_ARGUMENT", `slot ${slot} is the caller's own`, { slot });
  if (blocks !== "keep" && blocks !== "free" && blocks !== "give") {
    const text = `blocks is "keep", "free" or "give" (to the slot that to names), not ${describeValue(blocks)}`;
    throw new KmemError("BAD_ARGUMENT", text, { blocks });
  }
  if (to !== undefined && !isUint32(to)) throw badArgument("to", "the number of a slot", to);
  if (blocks === "give" && !(receiver !== slot && isHeldSlot(slots, receiver))) {
    throw new KmemError("BAD_ARGUMENT", `no thread holds the slot ${describeValue(receiver)}`, { to: receiver });
  }
  return receiver;
}
