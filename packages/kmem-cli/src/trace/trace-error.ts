/** A file that cannot be read as a trace at all, as opposed to a trace that holds some broken lines. */
export class TraceFormatError extends Error {
  override readonly name = "TraceFormatError";
}
