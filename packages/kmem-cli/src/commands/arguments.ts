import { InvalidArgumentError, Option } from "commander";
import { isPolicyPath, policyContender } from "../contenders/policy-contender.ts";
import { formById, TRACE_FORMS, type TraceForm } from "../input/known-forms.ts";
import { STDIN_PATH } from "../input/open-trace.ts";
import type { Contender } from "../replay/contender.ts";
import { inputProblem } from "../system/input-problem.ts";
import { printProblem } from "../text/output.ts";
import { ReportedFailure } from "./reported-failure.ts";

/** A whole number from `least`, and to `most` where there is a most. */
export function parseCount(text: string, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= least && count <= most) return count;
  const limit = most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`;
  throw new InvalidArgumentError(`It is a whole number from ${least}${limit}.`);
}

const OP_COUNT_FACTORS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6 };

/** A count of operations: `5000`, `500K`, `100M`. */
export function parseOpCount(text: string): number {
  const match = /^(\d+)([KM]?)$/i.exec(text);
  const count = match === null ? 0 : Number(match[1]) * OP_COUNT_FACTORS[match[2]!.toUpperCase()]!;
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError("It is a whole number from 1, as 5000, 500K or 100M.");
}

const SIZE_FACTORS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A number of bytes up to `most`: `65536`, `64K`, `64M`, `2G`. */
export function parseSize(text: string, most: number): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  const bytes = match === null ? 0 : Number(match[1]) * SIZE_FACTORS[match[2]!.toUpperCase()]!;
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes <= most) return bytes;
  throw new InvalidArgumentError(`It is a number of bytes from 1 to ${most}, as 65536, 64M or 2G.`);
}

/** Stands for every contender there is. */
const ALL_ALLOCATORS = "all";

/**
 * The contenders whose names or aliases stand in a list, in the order in which they are known, and after them those in
 * files of the user's.
 */
export function parseAllocators(text: string, known: readonly Contender[]): Contender[] {
  const given = [...new Set(text.split(",").map((name) => name.trim()))];
  const names = new Set(given.filter((name) => !isPolicyPath(name)));
  const isNamed = (contender: Contender): boolean => namesOf(contender).some((name) => names.has(name));
  const knownNames = new Set([ALL_ALLOCATORS, ...known.flatMap(namesOf)]);
  const unknown = [...names].filter((name) => !knownNames.has(name));
  if (unknown.length > 0) {
    const choice = known.map(({ name }) => name).join(", ");
    throw new InvalidArgumentError(`There is no "${unknown.join('", "')}"; there are ${choice}.`);
  }
  const chosen = known.filter((contender) => names.has(ALL_ALLOCATORS) || isNamed(contender));
  return [...chosen, ...parsePolicies(given.filter(isPolicyPath), knownNames)];
}

/** Contenders in files. A name in the tables is one contender's. */
function parsePolicies(paths: readonly string[], taken: ReadonlySet<string>): Contender[] {
  const names = new Set(taken);
  return paths.map((path) => {
    const contender = policyContender(path);
    if (names.has(contender.name)) throw new InvalidArgumentError(`There is a "${contender.name}" besides ${path}.`);
    names.add(contender.name);
    return contender;
  });
}

/** What `--allocators` takes, for the help. */
export function describeAllocators(known: readonly Contender[]): string {
  const names = known.map(({ name, aliases = [] }) => [name, ...aliases].join(" = "));
  return `some of ${names.join(", ")}; or ${ALL_ALLOCATORS}; or files of your own, as ./my-policy.ts`;
}

function namesOf({ name, aliases = [] }: Contender): string[] {
  return [name, ...aliases];
}

/**
 * Says of each file that cannot be read why not, before anything is done with the others: what takes long is not begun
 * in vain. Throws {@link ReportedFailure} where there is one.
 */
export function requireFiles(paths: readonly string[]): void {
  const problems = paths.flatMap((path) => {
    const problem = path === STDIN_PATH ? undefined : inputProblem(path);
    return problem === undefined ? [] : [`${path}: ${problem}`];
  });
  for (const problem of problems) printProblem(problem);
  if (problems.length > 0) throw new ReportedFailure();
}

/** Adds a trace to those before it. */
export function collectTraces(path: string, before: readonly string[] = []): string[] {
  if (path === STDIN_PATH && before.includes(STDIN_PATH)) {
    throw new InvalidArgumentError("Standard input can be read once only.");
  }
  return [...before, path];
}

/** The option by which a user says what a trace is, where its first bytes do not. */
export function formatOption(): Option {
  const ids = TRACE_FORMS.map(({ id }) => id).join(", ");
  return new Option("--format <form>", `what the traces are, instead of finding out: ${ids}`).argParser(parseForm);
}

function parseForm(text: string): TraceForm {
  const form = formById(text);
  if (form !== undefined) return form;
  const known = TRACE_FORMS.map(({ id, name }) => `${id} (${name})`).join(", ");
  throw new InvalidArgumentError(`There are ${known}.`);
}

const EXIT_CODE_MAX = 255;

/** The option that sets the exit code of a finding, so that a script can tell it from a failure to look. */
export function errorExitcodeOption(finding: string): Option {
  return new Option("--error-exitcode <code>", `the exit code when ${finding}`).argParser((text) =>
    parseCount(text, 1, EXIT_CODE_MAX),
  );
}
