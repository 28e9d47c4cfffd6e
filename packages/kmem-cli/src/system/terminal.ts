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

/** The columns of what is no terminal, or does not know: some say 0 then. */
const DEFAULT_COLUMNS = 120;
/** Nothing is set out for less. */
const MIN_COLUMNS = 20;

/** For text that goes through `printText`, which lets no colours through. */
export const PLAIN_STYLE: TextStyle = { columns: DEFAULT_COLUMNS, colors: pc.createColors(false) };

/** Colours on a terminal only, and not where the variable NO_COLOR is set to anything. */
export function styleFor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>): TextStyle {
  const hasColors = stream.isTTY === true && (env["NO_COLOR"] ?? "") === "";
  const columns = Math.max(MIN_COLUMNS, stream.columns || DEFAULT_COLUMNS);
  return { columns, colors: pc.createColors(hasColors) };
}
