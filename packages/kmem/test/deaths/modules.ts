import type { Realm } from "../interleave/library.ts";
import type { Threads } from "./world.ts";

/** Numbers of the threads' realms. */
export const SURVIVOR = 0;
export const VICTIM = 1;
export const REAPER = 2;

/** A module as one of the threads has loaded it. */
export function moduleOf<Module extends object>({ realms }: Threads, thread: number, path: string): Module {
  return (realms[thread] as Realm).module<Module>(path);
}
