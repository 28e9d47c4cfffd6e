import type { Random } from "../support/random.ts";
import { OPERATION_NAMES, OPERATION_WEIGHTS, type Operation, type OperationName } from "./model.ts";

const drawn: OperationName[] = OPERATION_NAMES.flatMap((name) =>
  new Array<OperationName>(OPERATION_WEIGHTS[name]).fill(name),
);

/** An operation drawn by the weights. Rare ones that cost as much as the memory is large are left out where asked. */
export function randomOperation(random: Random, without: ReadonlySet<OperationName>): Operation {
  let name = random.pick(drawn);
  while (without.has(name)) name = random.pick(drawn);
  return { name, pick: random.below(0x1_0000_0000), size: random.below(0x1_0000_0000) };
}
