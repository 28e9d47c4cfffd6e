/** Six events of a kernel's, of which three free what the other three allocate, as ftrace prints them. */
export const SIX_EVENTS: readonly string[] = [
  "kmalloc: call_site=alpha_open+0x1/0x20 ptr=00000000a1b2c3d4 bytes_req=100 bytes_alloc=128 gfp_flags=GFP_KERNEL node=-1 accounted=false",
  "kmem_cache_alloc: call_site=beta_get+0x1/0x20 ptr=00000000a1b2c3e4 bytes_req=360 bytes_alloc=384 gfp_flags=GFP_KERNEL node=-1 accounted=false",
  "mm_page_alloc: page=00000000d2be5665 pfn=0x12a4f order=1 migratetype=0 gfp_flags=GFP_KERNEL|__GFP_COMP",
  "mm_page_free: page=00000000d2be5665 pfn=0x12a4f order=1",
  "kmem_cache_free: call_site=beta_put+0x1/0x20 ptr=00000000a1b2c3e4 name=filp",
  "kfree: call_site=alpha_close+0x1/0x20 ptr=00000000a1b2c3d4",
];

/** The same as perf and trace-cmd print them. */
export const PERF_EVENTS: readonly string[] = SIX_EVENTS.map((event) =>
  event.replace(/(ptr|page)=0+(\w+)/, "$1=0xffff8881$2").replace("/0x20", ""),
);

/** The line of an event with the context that ftrace gives it. */
export function ftraceLine(event: string, index: number): string {
  return `            prog-171     [000] .....     4.36666${index}: ${event}`;
}

/** The line of an event as perf script prints it. */
export function perfLine(event: string, index: number): string {
  return `            prog   171 [000]     4.36666${index}: kmem:${event}`;
}

/** Wraps a line at blanks, as mailers do. */
export function wrapLine(line: string, columns: number, between = "\n"): string {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(/(?<= )/)) {
    if ((current + word).trimEnd().length > columns && current.trim() !== "") {
      lines.push(current.trimEnd());
      current = "";
    }
    current += word;
  }
  return [...lines, current].join(between);
}

/** Wraps a line after so many characters, as terminals do. */
export function cutLine(line: string, columns: number, between = "\n"): string {
  return (line.match(new RegExp(`.{1,${columns}}`, "g")) ?? []).join(between);
}

const QUOTED_PRINTABLE_COLUMNS = 75;

/** Encodes a line as quoted-printable, with soft line breaks. */
export function quotedPrintable(line: string): string {
  const units = line.replaceAll("=", "=3D").match(/=3D|./g) ?? [];
  const lines: string[] = [];
  let current = "";
  for (const unit of units) {
    if (current.length + unit.length > QUOTED_PRINTABLE_COLUMNS) {
      lines.push(`${current}=`);
      current = "";
    }
    current += unit;
  }
  return [...lines, current].join("\n");
}
