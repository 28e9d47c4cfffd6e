import { ABILITIES, type Ability, type Adapter, type Allocator, type MemoryCase } from "./allocator.ts";
import { ensure, ensureSame } from "./assertions.ts";
import { Holder } from "./holder.ts";
import { REQUIREMENTS, type Requirement } from "./requirements.ts";

/** A requirement of an allocator over a memory. */
export interface Trial {
  readonly name: string;
  /** Why there is nothing to try: what the allocator cannot do, or a memory that it, or this runtime, does not have. */
  readonly skipReason?: string;
  /** Throws where the requirement is not met. */
  run(): void;
}

const METHODS: readonly (Ability & keyof Allocator)[] = [
  "alloc",
  "usableSize",
  "calloc",
  "realloc",
  "alignedAlloc",
  "trim",
];

/** What an adapter says of its allocator must be so: of each ability that it lacks, and of no other, a reason. */
function ensureHonest({ lacks, onlyBytes }: Adapter, allocator: Allocator): void {
  const missing = METHODS.filter((method) => allocator[method] === undefined);
  ensureSame(
    METHODS.filter((method) => lacks[method] !== undefined),
    missing,
    "abilities with a reason for lacking them",
  );
  ensureSame(lacks["any size"] !== undefined, onlyBytes !== undefined, "whether there is but one size");
  for (const ability of ABILITIES) ensure(lacks[ability] !== "", () => `no reason why there is no ${ability}`);
}

/** Why an allocator is not tried over a memory at all. */
export function memorySkipReason({ unfit }: Adapter, memory: MemoryCase): string | undefined {
  return memory.absence ?? unfit?.(memory);
}

function skipReasonOf(adapter: Adapter, memory: MemoryCase, { needs }: Requirement): string | undefined {
  const { lacks } = adapter;
  const reason = memorySkipReason(adapter, memory);
  if (reason !== undefined) return reason;
  const ability = needs.find((one) => lacks[one] !== undefined);
  return ability && `no ${ability}: ${lacks[ability]}`;
}

/** All trials of an allocator over a memory. */
export function trialsOf(adapter: Adapter, memory: MemoryCase): readonly Trial[] {
  return REQUIREMENTS.map((requirement) => {
    const skipReason = skipReasonOf(adapter, memory, requirement);
    const run = (): void => {
      const allocator = adapter.create(memory);
      ensureHonest(adapter, allocator);
      const holder = new Holder(adapter, allocator);
      requirement.run(holder);
      holder.freeAll();
      holder.ensureClean();
    };
    return { name: requirement.name, run, ...(skipReason !== undefined && { skipReason }) };
  });
}
