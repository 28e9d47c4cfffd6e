/** One broken invariant, found by a check. */
export interface Finding {
  /** The layer whose invariant it is. */
  readonly layer: "header" | "pages" | "slab" | "kmalloc" | "debug";
  /** Where: the address of the page, block or table word that it is about. */
  readonly address: number;
  /** What is wrong, in a sentence without its full stop. */
  readonly problem: string;
}

/** Collects findings of one layer. */
export type Report = (address: number, problem: string) => void;

export function reporter(findings: Finding[], layer: Finding["layer"]): Report {
  return (address, problem) => findings.push({ layer, address, problem });
}
