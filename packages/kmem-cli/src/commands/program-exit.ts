/** Ends the command with the exit code of a program that it has run, or that says what was found. */
export class ProgramExit extends Error {
  override readonly name = "ProgramExit";
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`the program ended with exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}
