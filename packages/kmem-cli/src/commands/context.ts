import type { Contender } from "../replay/contender.ts";

/** What the subcommands work with; tests bring their own. */
export interface CommandContext {
  readonly contenders: readonly Contender[];
}
