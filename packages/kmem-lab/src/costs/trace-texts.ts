import { OP } from "kmem-cli/internal/trace/op-stream";

/** Operations of a trace, five numbers each: code, log2 of the alignment, slot, size, aux. */
export type FlatOps = readonly number[];
export const OP_FIELDS = 5;

/** What one operation is in a form of text. */
type Line = (code: number, address: string, size: number, align: number) => string;

const HEX = 16;
const FIRST_ADDRESS = 0x5600_0000_0000;
const ADDRESS_SHIFT = 16;

const MTRACE: Line = (code, address, size) => {
  const site = "@ ./prog:(main+0x12)[0x401136]";
  if (code === OP.FREE) return `${site} - 0x${address}\n`;
  if (code === OP.REALLOC) return `${site} < 0x${address}\n${site} > 0x${address} 0x${size.toString(HEX)}\n`;
  return `${site} + 0x${address} 0x${size.toString(HEX)}\n`;
};
const VALGRIND: Line = (code, address, size, align) => {
  if (code === OP.FREE) return `--4242-- free(0x${address})\n`;
  if (code === OP.REALLOC) return `--4242-- realloc(0x${address},${size}) = 0x${address}\n`;
  if (code === OP.CALLOC) return `--4242-- calloc(1,${size}) = 0x${address}\n`;
  if (code === OP.ALIGNED) return `--4242-- memalign(al ${align}, size ${size}) = 0x${address}\n`;
  return `--4242-- malloc(${size}) = 0x${address}\n`;
};
const LTRACE: Line = (code, address, size, align) => {
  if (code === OP.FREE) return `4242 prog->free(0x${address})                = <void>\n`;
  if (code === OP.REALLOC) return `4242 prog->realloc(0x${address}, ${size})       = 0x${address}\n`;
  if (code === OP.CALLOC) return `4242 prog->calloc(1, ${size})                = 0x${address}\n`;
  if (code === OP.ALIGNED) return `4242 prog->memalign(${align}, ${size})          = 0x${address}\n`;
  return `4242 prog->malloc(${size})                   = 0x${address}\n`;
};
const MEMORY_REPLAY: Line = (code, address, size, align) => {
  if (code === OP.FREE) return `4242: free 0x${address} 1400 1410\n`;
  if (code === OP.REALLOC) return `4242: realloc 0x${address} 0x${address} ${size} 1330 1340\n`;
  if (code === OP.CALLOC) return `4242: calloc 0x${address} 1 ${size} 1200 1300\n`;
  if (code === OP.ALIGNED) return `4242: memalign 0x${address} ${align} ${size} 1310 1320\n`;
  return `4242: malloc 0x${address} ${size} 1000 1100\n`;
};
const BPFTRACE: Line = (code, address, size) => {
  const tail = "tid=4242 ts=1000\n";
  if (code === OP.FREE) return `free ptr=0x${address} ${tail}`;
  if (code === OP.REALLOC) return `realloc old=0x${address} size=${size} ptr=0x${address} ${tail}`;
  return `malloc size=${size} ptr=0x${address} ${tail}`;
};
const LTTNG: Line = (code, address, size) => {
  const head = "[16:10:05.211812345] (+0.000000100) host lttng_ust_libc:";
  if (code === OP.FREE) return `${head}free: { cpu_id = 1 }, { ptr = 0x${address} }\n`;
  const call =
    code === OP.REALLOC ? `realloc: { cpu_id = 1 }, { in_ptr = 0x${address}, ` : "malloc: { cpu_id = 1 }, { ";
  return `${head}${call}size = ${size}, ptr = 0x${address} }\n`;
};
const REP: Line = (code, address, size) => {
  const id = Number.parseInt(address, HEX) % 2 ** 24;
  if (code === OP.FREE) return `f ${id}\n`;
  return `${code === OP.REALLOC ? "r" : "a"} ${id} ${size}\n`;
};
const HEAPTRACK_RAW: Line = (code, address, size) => {
  if (code === OP.FREE) return `- ${address}\n`;
  const made = `+ ${size.toString(HEX)} 0 ${address}\n`;
  return code === OP.REALLOC ? `- ${address}\n${made}` : made;
};

/** How the forms that the command reads and does not write have their events, by their ids. */
const LINES: Readonly<Record<string, { readonly head: string; readonly line: Line }>> = {
  mtrace: { head: "= Start\n", line: MTRACE },
  valgrind: { head: "", line: VALGRIND },
  ltrace: { head: "", line: LTRACE },
  memory_replay: { head: "", line: MEMORY_REPLAY },
  bpftrace: { head: "", line: BPFTRACE },
  lttng: { head: "", line: LTTNG },
  rep: { head: "1000\n1000\n1000\n1\n", line: REP },
  heaptrack: { head: "v 10400 3\nX ./prog\nI 1000 1\n", line: HEAPTRACK_RAW },
};

/** The ids of the forms that {@link traceText} writes. */
export const TEXT_FORMS: readonly string[] = Object.keys(LINES);

/** Operations as a trace of a form. */
export function traceText(form: string, ops: FlatOps): Uint8Array {
  const { head, line } = LINES[form]!;
  const parts = [head];
  for (let at = 0; at < ops.length; at += OP_FIELDS) {
    const slot = ops[at + 2]!;
    const address = (FIRST_ADDRESS + (slot + 1) * ADDRESS_SHIFT).toString(HEX);
    parts.push(line(ops[at]!, address, ops[at + 3]!, 2 ** ops[at + 1]!));
  }
  return new Uint8Array(Buffer.from(parts.join(""), "latin1"));
}
