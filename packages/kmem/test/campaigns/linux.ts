import { Heap, type HeapOptions } from "../../src/index.ts";
import { GFP_ATOMIC, GFP_DMA, GFP_KERNEL } from "../../src/kernels/linux/linux.ts";
import { LinuxModel } from "../kernels/linux/model.ts";
import { Random } from "../support/random.ts";

/** One operation as data, so that a list of them can be shrunk: what to do, and three numbers that say with what. */
export interface LinuxOperation {
  readonly name: LinuxOperationName;
  readonly pick: number;
  readonly size: number;
  readonly gfp: number;
}

/** How often each operation is drawn, in parts of the sum. */
const WEIGHTS = {
  kmalloc: 300,
  kzalloc: 30,
  kfree: 330,
  krealloc: 60,
  getPages: 30,
  freePages: 36,
  vmalloc: 20,
  vfree: 24,
  cacheAlloc: 220,
  cacheFree: 230,
  createCache: 3,
  destroyCache: 3,
  shrink: 4,
  reap: 3,
  badCall: 30,
  rebind: 1,
} as const;
export type LinuxOperationName = keyof typeof WEIGHTS;
export const LINUX_OPERATIONS: readonly LinuxOperationName[] = Object.keys(WEIGHTS) as LinuxOperationName[];
const WEIGHTED: readonly LinuxOperationName[] = LINUX_OPERATIONS.flatMap((name) =>
  new Array<LinuxOperationName>(WEIGHTS[name]).fill(name),
);
export const LINUX_MASKS: readonly number[] = [GFP_KERNEL, GFP_KERNEL, GFP_ATOMIC, GFP_KERNEL | GFP_DMA];

/** What a campaign is to do; every field has a default. */
export interface CampaignOptions {
  readonly operations: number;
  readonly seed?: number;
  readonly sizeBytes?: number;
  /** Operations between two checks of everything. */
  readonly checkInterval?: number;
  /** Makes the model of a new heap of so many bytes. */
  readonly newModel?: (options: HeapOptions) => LinuxModel;
}

/** Runs random operations against the model; throws at the first difference. */
export function runLinuxCampaign(options: CampaignOptions): void {
  const { operations, seed = 1, sizeBytes = 8 * 1024 * 1024, checkInterval = 5000 } = options;
  const { newModel = (heap): LinuxModel => new LinuxModel(Heap.create(heap).source) } = options;
  const random = new Random(seed);
  const model = newModel({ sizeBytes, dmaBytes: sizeBytes / 8 });
  for (let step = 1; step <= operations; step++) {
    model.step({
      name: random.pick(WEIGHTED),
      pick: random.below(1_000_000),
      size: random.size(random.below(40) === 0 ? 131_048 : 2000),
      gfp: random.pick(LINUX_MASKS),
    });
    if (step % checkInterval === 0) model.verify();
  }
  model.finish();
}
