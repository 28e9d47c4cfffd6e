/** What went wrong, as a sentence without its full stop. */
export function problemText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
