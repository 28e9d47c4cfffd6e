import { KmemError } from "../../../src/index.ts";
import { WasmModule } from "../../../src/wasm/binary/module.ts";
import { adopt } from "../../../src/wasm/index.ts";
import { Random } from "../../support/random.ts";
import { leb } from "../support/module-builder.ts";
import type { BaseModule } from "./base-modules.ts";

/** What became of one mutant. */
export interface ModuleCase {
  readonly number: number;
  readonly name: string;
  readonly ms: number;
  readonly outcome: "adopted" | "refused";
  /** Whether the engine takes the mutant. */
  readonly isValid: boolean;
  readonly fault: string | undefined;
}

const CODES: ReadonlySet<string> = new Set(["BAD_MODULE", "CANNOT_ADOPT"]);
const MOST_CHANGES = 4;
const MOST_MOVED_BYTES = 64;
/** Modules of whole programs take long to instrument: one of so many is. */
const LARGE_BYTES = 65_536;
const LARGE_CHECKED_EACH = 8;

type Change = (bytes: Uint8Array<ArrayBuffer>, random: Random) => Uint8Array<ArrayBuffer>;

function spliced(bytes: Uint8Array, at: number, removed: number, added: Uint8Array | readonly number[]) {
  const changed = new Uint8Array(bytes.length - removed + added.length);
  changed.set(bytes.subarray(0, at));
  changed.set(added, at);
  changed.set(bytes.subarray(at + removed), at + added.length);
  return changed;
}

/** A place among the sections: most of a module is code, and little would ever happen to the rest. */
function place(bytes: Uint8Array, random: Random): number {
  if (random.below(2) === 0) return random.below(bytes.length);
  try {
    const { sections } = new WasmModule(bytes);
    const { headAt, end } = sections[random.below(sections.length)]!;
    return headAt + random.below(Math.min(end - headAt, MOST_MOVED_BYTES));
  } catch {
    return random.below(bytes.length);
  }
}

const CHANGES: readonly Change[] = [
  (bytes, random) => {
    bytes[place(bytes, random)]! ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, random) => {
    bytes[place(bytes, random)] = random.below(256);
    return bytes;
  },
  (bytes, random) => spliced(bytes, place(bytes, random), 0, [random.below(256)]),
  (bytes, random) => {
    const at = place(bytes, random);
    return spliced(bytes, at, Math.min(1 + random.below(4), bytes.length - at), []);
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random) => spliced(bytes, place(bytes, random), 1, leb(random.below(2 ** 32), 1 + random.below(6))),
  (bytes, random) => {
    const from = place(bytes, random);
    const part = bytes.slice(from, from + random.below(MOST_MOVED_BYTES));
    return spliced(bytes, place(bytes, random), 0, part);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    bytes.fill(random.below(2) * 0xff, at, at + random.below(MOST_MOVED_BYTES));
    return bytes;
  },
];

/**
 * Mutated modules, each of which is adopted to a module that the engine takes, or refused with a code, with and without
 * checks before its loads and stores.
 */
export class ModuleCampaign {
  readonly #seed: number;
  readonly #bases: readonly BaseModule[];

  constructor(seed: number, bases: readonly BaseModule[]) {
    this.#seed = seed;
    this.#bases = bases;
  }

  run(number: number): ModuleCase {
    const random = new Random(this.#seed * 1_000_003 + number);
    const base = random.pick(this.#bases);
    let bytes: Uint8Array<ArrayBuffer> = Uint8Array.from(base.bytes);
    for (let left = random.below(MOST_CHANGES + 1); left > 0 && bytes.length > 0; left--) {
      bytes = CHANGES[random.below(CHANGES.length)]!(bytes, random);
    }
    const isValid = WebAssembly.validate(bytes);
    const startMs = performance.now();
    const isChecked = bytes.length < LARGE_BYTES || number % LARGE_CHECKED_EACH === 0;
    const { outcome, fault } = attempt(bytes, isValid, isChecked);
    return { number, name: base.name, ms: performance.now() - startMs, outcome, isValid, fault };
  }
}

/** What is wrong with the same module when it is instrumented too. */
function checkFault(bytes: Uint8Array, isValid: boolean): string | undefined {
  for (const findUndefined of [false, true]) {
    try {
      const adopted = adopt(bytes, { check: "memcheck", findUndefined });
      if (isValid && !WebAssembly.validate(adopted.bytes)) return "the module with its checks is not valid";
    } catch (error) {
      const isRefusal = error instanceof KmemError && CODES.has(error.code);
      if (!isRefusal) return `with checks it threw ${String(error)}`;
    }
  }
  return undefined;
}

function attempt(
  bytes: Uint8Array<ArrayBuffer>,
  isValid: boolean,
  isChecked: boolean,
): Pick<ModuleCase, "outcome" | "fault"> {
  const before = bytes.slice();
  try {
    const adopted = adopt(bytes);
    const isBad = isValid && !WebAssembly.validate(adopted.bytes);
    const isChanged = before.some((byte, index) => byte !== bytes[index]);
    const fault = isBad ? "the new module is not valid" : isChanged ? "the old bytes were changed" : undefined;
    return { outcome: "adopted", fault: fault ?? (isChecked ? checkFault(bytes, isValid) : undefined) };
  } catch (error) {
    const isRefusal = error instanceof KmemError && CODES.has(error.code);
    return { outcome: "refused", fault: isRefusal ? undefined : `it threw ${String(error)}` };
  }
}
