import { reading, readList } from "./arguments.ts";

/** One broken invariant, found by a check. */
export interface Finding {
  /** The layer whose invariant it is. */
  readonly layer: "header" | "pages" | "slab" | "kmalloc" | "debug";
  /** Where: the address of the page, block or table word that it is about. */
  readonly address: number;
  /** What is wrong, in a sentence without its full stop. */
  readonly problem: string;
  /** How many findings of one sort this one stands for, the first of them; absent where it is the only one. */
  readonly count?: number;
  /** Where the first of those are. */
  readonly addresses?: readonly number[];
}

/** Findings of one sort that are listed one by one; more are one finding with their count. */
const LISTED_MAX = 8;

/**
 * One damaged record can be the cause of findings without number: those of one sort become one, with their count. First
 * those that say the same, but for addresses; then those that say it with other numbers.
 */
export function foldFindings<Some extends Finding>(findings: readonly Some[]): Some[] {
  return foldBy(foldBy(findings, /0x[0-9a-f]+/g), /0x[0-9a-f]+|\d+/g);
}

function foldBy<Some extends Finding>(findings: readonly Some[], numbers: RegExp): Some[] {
  const groups = new Map<string, Some[]>();
  for (const finding of findings) {
    const { address, count, addresses, ...said } = finding;
    const sort = JSON.stringify(said).replaceAll(numbers, "#");
    const group = groups.get(sort);
    if (group === undefined) groups.set(sort, [finding]);
    else group.push(finding);
  }
  return [...groups.values()].flatMap((group) => (group.length > LISTED_MAX ? [foldedOf(group)] : group));
}

function foldedOf<Some extends Finding>(group: readonly Some[]): Some {
  const [first] = group as [Some];
  const addresses = group.flatMap((finding) => finding.addresses ?? [finding.address]).slice(0, LISTED_MAX);
  return { ...first, count: countFindings(group), addresses };
}

/** All that findings stand for. Throws BAD_ARGUMENT for what is no list of them. */
export function countFindings(findings: readonly Finding[]): number {
  const list = readList("findings", findings) as Finding[];
  return reading("findings", findings, () => list.reduce((sum, { count = 1 }) => sum + count, 0));
}

/** Collects findings of one layer. */
export type Report = (address: number, problem: string) => void;

export function reporter(findings: Finding[], layer: Finding["layer"]): Report {
  return (address, problem) => findings.push({ layer, address, problem });
}
