/** How far the reading of a trace has come, in bytes of the file as packed. */
export interface TraceProgress {
  readonly readBytes: number;
  /** Undefined when it is not known, as for standard input. */
  readonly fileBytes: number | undefined;
}
