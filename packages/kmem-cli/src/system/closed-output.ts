import { exit, stdout } from "node:process";

/**
 * Ends the process when nobody reads its output any more: with success where a reader has seen enough, as `head` has,
 * and with 1 for every other error of the output.
 */
export function exitWhenOutputCloses(): void {
  stdout.on("error", (error: NodeJS.ErrnoException) => exit(error.code === "EPIPE" ? 0 : 1));
}
