import { Random } from "../support/random.ts";
import { faultOf, outcomeOf, Snapshot } from "./calls.ts";
import { type Kind, mayTake } from "./kinds.ts";
import type { Argument, Row } from "./rows.ts";
import { publicSurface, type SurfaceFunction } from "./surface.ts";
import { TABLE } from "./table.ts";
import { HOSTILE, withTrap } from "./values.ts";
import { WORLDS, type World, type WorldName } from "./worlds.ts";

/** Between the seeds of two campaigns: more than one has rounds. */
const SEEDS_APART = 1_000_000;
/** Calls on one world, which then is made anew: each round can be had again by its number. */
export const ROUND_CALLS = 64;

/** A function, with its row and the world that it is called in. */
interface Callee {
  readonly one: SurfaceFunction;
  readonly row: Row;
  readonly world: WorldName;
}

/** An argument as it was chosen. */
interface Chosen {
  readonly text: string;
  readonly value: unknown;
  readonly isAccepted: boolean;
}

/** What a round of calls came to. */
export interface Round {
  readonly number: number;
  readonly world: WorldName;
  readonly calls: number;
  readonly answered: number;
  readonly refused: number;
  readonly faults: readonly string[];
}

/** After these nothing of the world is to be expected any more. */
const ENDINGS = /\.(?:detach|dispose|destroy|end)$|repairHeap/;
/** Write wherever they are told to, as C does. */
const UNCHECKED: ReadonlySet<string> = new Set(["vm.copyOut", "cFace.posix_memalign"]);
/** Whoever waits gets a limit: other threads are said to be there, and none frees anything. */
const WAITS = /\.alloc(?:Wait|Async)$/;

const EDGES: readonly number[] = [0, 1, 15, 16, 4096, 32_768, 2 ** 19, 2 ** 20, 2 ** 31, 2 ** 32, 2 ** 53];
const SPREAD = 33;

/** Numbers next to those that mean something: borders, and addresses of the world. */
function nearNumber(random: Random, { values }: World): number {
  const known = Object.values(values).filter((value) => typeof value === "number");
  const from = random.below(2) === 0 && known.length > 0 ? random.pick(known) : random.pick(EDGES);
  const by = random.below(3) === 0 ? 0 : random.below(SPREAD) - (SPREAD >> 1);
  return from + (random.below(16) === 0 ? by / 2 : by);
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : typeof value;
}

export class HostileCampaign {
  readonly #seed: number;
  readonly #callees: readonly Callee[];

  private constructor(seed: number, callees: readonly Callee[]) {
    this.#seed = seed;
    this.#callees = callees;
  }

  static async create(seed: number): Promise<HostileCampaign> {
    const callees = (await publicSurface()).flatMap((one) => {
      const row = TABLE[one.name];
      if (row === undefined) throw new Error(`the table has no row for ${one.name}`);
      return UNCHECKED.has(one.name) ? [] : [{ one, row, world: one.world ?? row.world }];
    });
    return new HostileCampaign(seed, callees);
  }

  /** Functions that are called. */
  get functionCount(): number {
    return this.#callees.length;
  }

  async round(number: number): Promise<Round> {
    const random = new Random(this.#seed * SEEDS_APART + number);
    const { world: name } = random.pick(this.#callees);
    const callees = this.#callees.filter(({ world }) => world === name);
    const faults: string[] = [];
    let world = WORLDS[name]();
    let snapshot = new Snapshot(world);
    let answered = 0;
    for (let call = 0; call < ROUND_CALLS; call++) {
      const { one, row } = random.pick(callees);
      const chosen = row.args.map((argument) => choose(random, world, argument));
      const args = chosen.map(({ value }) => value);
      if (WAITS.test(one.name) && chosen.at(-1)!.isAccepted) args[args.length - 1] = { timeoutMs: 0 };
      const isAccepted = chosen.every((argument) => argument.isAccepted);
      const outcome = await outcomeOf(one.of(world), args);
      const changedAt = snapshot.difference();
      const fault = faultOf(outcome, row.refusal, isAccepted, changedAt);
      if (outcome.end === "answered") answered++;
      const text = `${one.name}(${chosen.map((argument) => argument.text).join(", ")})`;
      if (fault !== undefined) faults.push(`round ${number}, call ${call}: ${text} ${fault}`);
      const isOver = fault !== undefined || ENDINGS.test(one.name);
      if (isOver) world = WORLDS[name]();
      if (isOver || changedAt >= 0) snapshot = new Snapshot(world);
    }
    const broken = world.fault();
    if (broken !== undefined) faults.push(`round ${number}: after its calls ${broken}`);
    return { number, world: name, calls: ROUND_CALLS, answered, refused: ROUND_CALLS - answered, faults };
  }
}

function choose(random: Random, world: World, argument: Argument): Chosen {
  const { kind, good } = argument;
  const luck = random.below(4);
  if (luck < 2) return { text: "good", value: good(world), isAccepted: true };
  if (kind.options !== undefined && luck === 2) return chooseOptions(random, world, argument);
  return chooseValue(random, world, kind);
}

function chooseValue(random: Random, world: World, kind: Kind): Chosen {
  if (random.below(2) === 0) {
    const value = nearNumber(random, world);
    return { text: shown(value), value, isAccepted: mayTake(kind, value) };
  }
  const { name, make } = random.pick(HOSTILE);
  const value = make();
  return { text: name, value, isAccepted: mayTake(kind, make()) };
}

function chooseOptions(random: Random, world: World, { kind, good }: Argument): Chosen {
  const [key, option] = random.pick(Object.entries(kind.options ?? {}));
  const rest = { ...(good(world) as object | undefined) };
  if (random.below(8) === 0) return { text: `{ get ${key}() }`, value: withTrap(key, rest), isAccepted: false };
  const { text, value, isAccepted } = chooseValue(random, world, option);
  return {
    text: `{ ${key}: ${text} }`,
    value: { ...rest, [key]: value },
    isAccepted: isAccepted || value === undefined,
  };
}

/** What a campaign has come to so far. */
export class HostileTotals {
  calls = 0;
  answered = 0;
  refused = 0;
  faults = 0;

  add({ calls, answered, refused, faults }: Round): void {
    this.calls += calls;
    this.answered += answered;
    this.refused += refused;
    this.faults += faults.length;
  }

  get text(): string {
    return `${this.calls} calls, ${this.answered} answered, ${this.refused} refused, ${this.faults} faults`;
  }
}
