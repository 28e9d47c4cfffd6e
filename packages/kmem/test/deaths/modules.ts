import type * as InspectModule from "../../src/heap/inspect.ts";
import type * as RecoveryModule from "../../src/heap/recovery.ts";
import type { Realm } from "../interleave/library.ts";
import type { Threads } from "./world.ts";

/** Numbers of the threads' realms. */
export const SURVIVOR = 0;
export const VICTIM = 1;
export const REAPER = 2;

/** The functions of `kmem` for heaps, as one of the threads has loaded them, for `call`. */
export function functionsOf(threads: Threads, thread: number): typeof RecoveryModule & typeof InspectModule {
  const recovery = moduleOf<typeof RecoveryModule>(threads, thread, "heap/recovery.ts");
  return { ...recovery, ...moduleOf<typeof InspectModule>(threads, thread, "heap/inspect.ts") };
}

/** A module as one of the threads has loaded it. */
export function moduleOf<Module extends object>({ realms }: Threads, thread: number, path: string): Module {
  return (realms[thread] as Realm).module<Module>(path);
}
