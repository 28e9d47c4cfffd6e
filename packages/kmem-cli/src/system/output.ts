import process from "node:process";
import { printable, printableJson, printableLine } from "./printable.ts";

/** Prints text with a line feed behind it. What files say in it does nothing to the terminal. */
export function printText(text: string): void {
  process.stdout.write(`${printable(text)}\n`);
}

/** As {@link printText}, for text that ends with a line feed or goes on with the next part. */
export function printPart(text: string): void {
  process.stdout.write(printable(text));
}

/** Prints a value as JSON. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printableJson(value)}\n`);
}

/** Prints a document as JSON, with the name of its schema and the version of that at its head. */
export function printDocument(schema: string, version: number, fields: object): void {
  printJson({ schema, version, ...fields });
}

/** Says what went wrong, in a line on standard error. */
export function printProblem(message: string): void {
  console.error(`kmem: ${printableLine(message)}`);
}

/** Prints text with a line feed behind it on standard error: what is said of a program that has standard output. */
export function printReport(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}
