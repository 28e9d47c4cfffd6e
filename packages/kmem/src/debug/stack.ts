/** Frames of a stack that are kept unless a heap asks otherwise. */
export const DEFAULT_STACK_DEPTH = 16;

interface StackCapture {
  stackTraceLimit?: number;
  captureStackTrace?: (target: object, entryFunction: unknown) => void;
}

/**
 * The stack of the caller of `entryFunction`, as the engine writes it, without its first line: who called a function of
 * the heap. Where an engine cannot leave frames out, the heap's own stand in it.
 */
export function callerStack(entryFunction: unknown, depth: number): string {
  const errors = Error as StackCapture;
  if (errors.captureStackTrace === undefined) return new Error().stack ?? "";
  const limit = errors.stackTraceLimit;
  errors.stackTraceLimit = depth;
  const holder = { stack: "" };
  errors.captureStackTrace(holder, entryFunction);
  const { stack } = holder;
  if (limit !== undefined) errors.stackTraceLimit = limit;
  return stack.slice(stack.indexOf("\n") + 1);
}

/** Changes one line of a stack, as a source map tells. */
export type MapFrame = (frame: string) => string;

/** The lines of a stack, the innermost call first, without their indentation. */
export function framesOf(stack: string, mapFrame: MapFrame = (frame) => frame): string[] {
  const lines = stack.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").map(mapFrame);
}
