/** Ends the command with an exit code, 1 unless another was asked for; what failed has been said already. */
export class ReportedFailure extends Error {
  override readonly name = "ReportedFailure";
  readonly exitCode: number;

  constructor(exitCode = 1) {
    super();
    this.exitCode = exitCode;
  }
}
