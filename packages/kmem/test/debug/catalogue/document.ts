import { type BugReport, DebugHeap } from "../../../src/debug/index.ts";
import { MIB } from "../../support/memories.ts";
import { CASES } from "./cases.ts";

/** The parts of docs/memory-bugs.md that are made and not written, each between two marks of its name. */
export function documentParts(): Readonly<Record<string, string>> {
  return { report: ["```", exampleReport(), "```"].join("\n"), catalogue: catalogueTable() };
}

/** The document with its made parts as they are now. */
export function withParts(document: string): string {
  return Object.entries(documentParts()).reduce((text, [name, part]) => {
    const [start, end] = [`<!-- made: ${name} -->\n`, `\n<!-- /made: ${name} -->`];
    const [from, to] = [text.indexOf(start) + start.length, text.indexOf(end)];
    if (from < start.length || to < from) throw new Error(`the document has no place for ${name}`);
    return text.slice(0, from) + part + text.slice(to);
  }, document);
}

function catalogueTable(): string {
  const rows = CASES.map(({ suite, name, what, letter, found, isChecked, plain }) =>
    [suite, name, what, letter ?? "", found, isChecked ? "yes" : "", plain].map((cell) => cell || "–").join(" | "),
  );
  const head = "suite | case | what is done | letter | debugged: found | `check()` | not debugged: found";
  return [head, ":-- | :-- | :-- | :-- | :-- | :-- | :--", ...rows].map((row) => `| ${row} |`).join("\n");
}

/** What a program hears that writes a byte too much into a buffer of 18 bytes. */
function exampleReport(): string {
  const reports: BugReport[] = [];
  const report = (bug: BugReport): void => void reports.push(bug);
  const heap = DebugHeap.create({ sizeBytes: MIB, stackDepth: 2, report });

  function openFile(): number {
    return heap.alloc(18);
  }
  function setName(file: number, name: string): void {
    // The 0 behind the last character is one too many.
    new Uint8Array(heap.buffer).set(new TextEncoder().encode(`${name}\0`), file);
  }
  function closeFile(file: number): void {
    heap.free(file);
  }
  function copyFiles(): void {
    const file = openFile();
    setName(file, "eighteen-chars.txt");
    closeFile(file);
  }

  copyFiles();
  // Where a frame lies on a disk, and how old the block was, is not the same twice.
  const shortFrame = (frame: string): string => frame.replace(/\(.*[/\\]([^/\\:]+).*\)/, "($1)");
  return reports.map((bug) => bug.text(shortFrame).replaceAll(/age=\d+/g, "age=0")).join("\n");
}
