import { KmemError } from "../../memory/errors.ts";

/** Why a module is refused. */
export type AdoptRefusal =
  | "component"
  | "object-file"
  | "side-module"
  | "no-memory"
  | "many-memories"
  | "page-size"
  | "already-adopted"
  | "collector"
  | "function-missing"
  | "wrong-type"
  | "not-found"
  | "inlined"
  | "state-unknown"
  | "left"
  | "start-allocates"
  | "data-unknown"
  | "growth-unknown"
  | "threads"
  | "no-room";

/** The refusal of a module that is one, but cannot be adopted: `details.reason` is an {@link AdoptRefusal}. */
export class CannotAdopt extends KmemError {
  constructor(reason: AdoptRefusal, text: string, details: Record<string, unknown> = {}) {
    super("CANNOT_ADOPT", `this module cannot be adopted: ${text}`, { reason, ...details });
  }
}
