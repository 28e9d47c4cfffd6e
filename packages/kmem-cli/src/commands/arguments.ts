import { InvalidArgumentError, Option } from "commander";
import { isPolicyPath, policyContender } from "../contenders/policy-contender.ts";
import { formById, TRACE_FORMS, type TraceForm } from "../forms/known-forms.ts";
import type { Contender } from "../replay/contender.ts";
import { inputProblem } from "../system/input-problem.ts";
import { STDIN_PATH } from "../system/open-input.ts";
import { printProblem } from "../system/output.ts";
import { ReportedFailure } from "./reported-failure.ts";

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
