import type { ReplayReport } from "../replay/report.ts";
import type { TextStyle } from "../system/terminal.ts";
import { wrapText } from "../system/wrap-text.ts";

const CONTINUATION = "  ";

/** What speaks against the times of a report, a line each; undefined where nothing does. */
export function warningsText({ warnings }: Pick<ReplayReport, "warnings">, style: TextStyle): string | undefined {
  if (warnings.length === 0) return undefined;
  const lines = warnings.map(({ text }) => wrapText(`warning: ${text}`, style.columns, CONTINUATION));
  return lines.map((line) => style.colors.yellow(line)).join("\n");
}
