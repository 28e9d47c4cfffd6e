import { anyOf } from "./any-of-patterns.ts";
import { LINE } from "./kernel-line.ts";

/** Rules and titles that the kernel puts around a dump of its trace buffer, and others around a trace. */
const HEADER =
  /^\s*(?:-{5,}|={5,}|Dumping ftrace buffer:|\(ftrace buffer empty\)|trace-cmd version|Attaching \d+ probes?)/;
/** function_graph without its column of processors: a call, a return, or a change of tasks. */
const GRAPH = anyOf(
  /^[\s\d.us!#@*$+|]*(?:[\w.]{1,128}\([^()]{0,64}\)(?:;| \{)|\})(?:\s*\/\*.{0,200}\*\/)?$/,
  /^\s*\d{1,5}\) +.{1,40} => +.{1,40}$/,
);
/** What perf script prints below an address of a call chain: its place in the source, and inlined functions. */
const CHAIN = /^\s+(?:\S{1,256}:\d{1,7}|.{1,256} \(inlined\)|[0-9a-f]{1,16})$/;
const LOOKED_AT = 512;

/**
 * The kind in LINE of a line that holds no event, by its shape alone; UNKNOWN for what no trace has in it.
 *
 * @param previousKind the kind of the line before it: a call chain goes on only where there is one.
 */
export function classifyShape(text: string, previousKind: number): number {
  const head = text.slice(0, LOOKED_AT);
  if (HEADER.test(head)) return LINE.HEADER;
  if (GRAPH.test(head)) return LINE.GRAPH;
  const isBelowEvent = previousKind === LINE.STACK || previousKind <= LINE.OTHER_EVENT;
  return isBelowEvent && CHAIN.test(head) ? LINE.STACK : LINE.UNKNOWN;
}
