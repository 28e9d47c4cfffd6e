import { basename, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Contender } from "../replay/contender.ts";
import { inputProblem } from "../system/input-problem.ts";
import { heapContender, packageModule } from "./heap-contender.ts";
import { policyFault } from "./policy.ts";
import { POLICY_FILE_VARIABLE } from "./policy-variable.ts";

/** Names of files; the others are names of contenders. */
const MODULE_EXTENSION = /\.(?:[cm]?js|[cm]?ts)$/;

/** Whether a name that was given for a contender is that of a file. */
export function isPolicyPath(name: string): boolean {
  return MODULE_EXTENSION.test(name) || /[/\\]/.test(name);
}

/** The name in tables of the policy in a file: the file's, without its extension. */
function policyName(path: string): string {
  return basename(path, extname(path));
}

/** An allocator of the user's, in a file: see `policy.ts` for what it exports. */
export function policyContender(path: string): Contender {
  const url = pathToFileURL(resolve(path)).href;
  const contender = heapContender(policyName(path), packageModule("contenders/policy-file"), path, {
    find: async () => ({ version: path, env: { [POLICY_FILE_VARIABLE]: url } }),
  });
  return { ...contender, findProblem: () => policyProblem(path, url) };
}

async function policyProblem(path: string, url: string): Promise<string | undefined> {
  const problem = inputProblem(path);
  if (problem !== undefined) return `${path}: ${problem}`;
  try {
    const fault = policyFault((await import(url)) as object);
    return fault === undefined ? undefined : `${path}: ${fault}`;
  } catch (error) {
    return `${path}: it throws ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
  }
}
