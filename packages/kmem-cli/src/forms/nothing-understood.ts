import { TraceFormatError } from "../trace/trace-error.ts";
import type { TraceSummary } from "../trace/trace-summary.ts";
import { formById } from "./known-forms.ts";

/** Why there is nothing to do with a trace without operations. */
export function describeEmpty(summary: TraceSummary): string {
  const { path, broken } = summary;
  const [form] = summary.format === "kernel" ? summary.unread : [];
  if (form !== undefined) return `${path}: it is ${form.name}: ${form.advice}`;
  const [first] = broken.first;
  const taken = `taken for ${formById(summary.form)?.name ?? summary.form} (${summary.form})`;
  if (first === undefined) return `${path}: it holds no operations, ${taken}`;
  return `${path}: it holds no operations, ${taken}; line ${first.position}: ${first.reason}`;
}

/**
 * Throws a TraceFormatError where a file has lines and none of them is an event: it is no trace, and figures of it
 * would say that nothing was allocated.
 */
export function requireUnderstood(summary: TraceSummary): void {
  const { opCount, broken, events } = summary;
  if (opCount > 0 || broken.count === 0 || Object.values(events).some((count) => count > 0)) return;
  throw new TraceFormatError(describeEmpty(summary));
}
