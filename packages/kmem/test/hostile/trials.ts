import { faultOf, outcomeOf, Snapshot } from "./calls.ts";
import { type Kind, mayTake } from "./kinds.ts";
import type { Argument, Row } from "./rows.ts";
import type { SurfaceFunction } from "./surface.ts";
import { HOSTILE, withTrap } from "./values.ts";
import { WORLDS, type World } from "./worlds.ts";

/** A value for one argument, and whether the function may take it. */
interface Trial {
  readonly name: string;
  readonly isAccepted: boolean;
  make(world: World): unknown;
}

/** Every hostile value as an argument, as each of its options, and traps in place of these. */
function trialsOf({ kind, good }: Argument): Trial[] {
  const whole = HOSTILE.map(({ name, make }) => ({ name, make, isAccepted: mayTake(kind, make()) }));
  const options = Object.entries<Kind>(kind.options ?? {}).flatMap(([key, option]) => {
    const rest = (world: World): object => ({ ...(good(world) as object | undefined) });
    const values = HOSTILE.map(({ name, make }) => {
      const isAccepted = make() === undefined || mayTake(option, make());
      return { name: `{ ${key}: ${name} }`, isAccepted, make: (world: World) => ({ ...rest(world), [key]: make() }) };
    });
    const trap = { name: `{ get ${key}() }`, isAccepted: false, make: (world: World) => withTrap(key, rest(world)) };
    return [...values, trap];
  });
  return [...whole, ...options];
}

/** All that is wrong with how a function takes what is wrong. */
export async function faultsOf(one: SurfaceFunction, { args, refusal, world: name }: Row): Promise<string[]> {
  const faults: string[] = [];
  const make = WORLDS[one.world ?? name];
  let world = make();
  let snapshot = new Snapshot(world);
  for (const [place, argument] of args.entries()) {
    for (const trial of trialsOf(argument)) {
      const values = args.map(({ good }) => good(world));
      values[place] = trial.make(world);
      const outcome = await outcomeOf(one.of(world), values);
      const changedAt = snapshot.difference();
      const fault = faultOf(outcome, refusal, trial.isAccepted, changedAt);
      if (fault !== undefined) faults.push(`${one.name}, argument ${place + 1}, ${trial.name}: ${fault}`);
      if (changedAt < 0) continue;
      world = make();
      snapshot = new Snapshot(world);
    }
  }
  return faults;
}
