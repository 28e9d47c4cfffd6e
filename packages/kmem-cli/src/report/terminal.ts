import pc from "picocolors";

/** How text is set out for where it goes. */
export interface TextStyle {
  readonly columns: number;
  readonly colors: Colors;
}

export type Colors = ReturnType<typeof pc.createColors>;

/** What of an output stream matters for the style. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The columns of what is no terminal, or does not know. */
export const DEFAULT_COLUMNS = 120;

/** Colours on a terminal only, and not where the variable NO_COLOR is set to anything. */
export function styleFor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>): TextStyle {
  const hasColors = stream.isTTY === true && (env["NO_COLOR"] ?? "") === "";
  return { columns: stream.columns ?? DEFAULT_COLUMNS, colors: pc.createColors(hasColors) };
}
