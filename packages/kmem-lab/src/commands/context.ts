import type { CommandContext } from "kmem-cli/internal/commands/context";
import type { ThreadContender } from "../threads/contenders.ts";

/** What the subcommands work with; tests bring their own. */
export interface LabContext extends CommandContext {
  readonly threadContenders: readonly ThreadContender[];
}
