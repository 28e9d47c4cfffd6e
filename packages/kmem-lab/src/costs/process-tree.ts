import { readdirSync, readFileSync } from "node:fs";

const KIB_PER_MIB = 1024;
/** The parent stands after the state, which stands after the name in parentheses, which may have any in it. */
const PARENT = /^.*\) \S (\d+) /s;

/** Follows the memory of a process and of all that it starts. Linux only. */
export class ProcessTree {
  readonly #root: number;
  /** In KiB. */
  #peakTogether = 0;

  constructor(pid: number) {
    this.#root = pid;
  }

  /** The most that all processes there were at one look had at their peaks together, in MiB. */
  get peakMib(): number {
    return this.#peakTogether / KIB_PER_MIB;
  }

  /** Looks at all processes that there are now. */
  look(): void {
    let together = 0;
    for (const pid of withChildren(this.#root)) {
      together += Number(/^VmHWM:\s+(\d+) kB$/m.exec(readOr(`/proc/${pid}/status`, ""))?.[1] ?? 0);
    }
    this.#peakTogether = Math.max(this.#peakTogether, together);
  }
}

/** A process, its children, and theirs; of one that has ended nothing. */
function withChildren(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const parent = PARENT.exec(readOr(`/proc/${name}/stat`, ""))?.[1];
    if (parent !== undefined) children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)]);
  }
  const below = (one: number): number[] => [one, ...(children.get(one) ?? []).flatMap(below)];
  return below(pid);
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return otherwise;
  }
}
