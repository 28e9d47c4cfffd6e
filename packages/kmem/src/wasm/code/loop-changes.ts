import type { InstructionReader } from "../binary/instructions.ts";
import { Op } from "../binary/layout.ts";

/** By where each loop of a function begins, the locals that change in it. O(instructions, each in each of its loops). */
export function changedInLoops(reader: InstructionReader): Map<number, Set<number>> {
  const found = new Map<number, Set<number>>();
  const open: (Set<number> | undefined)[] = [];
  while (!reader.isDone) {
    reader.next();
    const { opcode, value, startsAt } = reader;
    if (opcode === Op.LOOP) {
      const changed = new Set<number>();
      found.set(startsAt, changed);
      open.push(changed);
    } else if (opcode === Op.BLOCK || opcode === Op.IF) open.push(undefined);
    else if (opcode === Op.END) open.pop();
    else if (opcode === Op.LOCAL_SET || opcode === Op.LOCAL_TEE) for (const changed of open) changed?.add(value);
  }
  return found;
}
