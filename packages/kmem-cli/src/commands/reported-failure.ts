/** Ends the command with exit code 1; what failed has been said already. */
export class ReportedFailure extends Error {
  override readonly name = "ReportedFailure";
}
