import { env } from "node:process";
import type { HeapModule, HeapPlan, ReplayHeap } from "../replay/replay-heap.ts";
import { type PolicyModule, policyHeap } from "./policy.ts";
import { POLICY_FILE_VARIABLE } from "./policy-variable.ts";

const module = (await import(env[POLICY_FILE_VARIABLE] ?? "")) as HeapModule | PolicyModule;

/** The heap of a file that the user has named. */
export function createHeap(plan: HeapPlan): ReplayHeap {
  return "createHeap" in module ? module.createHeap(plan) : policyHeap(module, plan);
}
