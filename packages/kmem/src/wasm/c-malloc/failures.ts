import { layersOf } from "../../heap/access.ts";
import type { BaseHeap } from "../../heap/base-heap.ts";
import { sinkFor } from "../../heap/report-sink.ts";
import { KmemError } from "../../memory/errors.ts";
import { type CErrorNumbers, type CMallocOptions, errorNumbers } from "./options.ts";

/** What C's functions answer where they cannot do what they are asked for: 0 is NULL. */
export interface CFailures {
  readonly errors: CErrorNumbers;
  /** Sets errno to ENOMEM; 0. */
  outOfMemory(): number;
  /** Sets errno to EINVAL; 0. */
  invalid(): number;
  /** Answers what a call of the heap has thrown, or throws it where that is wished; 0. */
  caught(error: unknown): number;
  /** Tells of a wrong call without errno, or throws it where that is wished. */
  told(error: unknown): void;
}

/** Whether the heap has already reported a wrong call by itself, as one with debugging does. */
function isReported(error: KmemError): boolean {
  return error.details["report"] !== undefined;
}

/** Tells of a wrong call where reports of the heap go. */
function reportTo(heapOf: () => BaseHeap): (error: KmemError) => void {
  return (error) => {
    if (!isReported(error)) sinkFor(layersOf(heapOf())).print(error.message);
  };
}

/** How the calls over a heap fail. Throws BAD_ARGUMENT for numbers of errors that cannot be. */
export function cFailures(heapOf: () => BaseHeap, options: CMallocOptions): CFailures {
  const { setErrno = () => {}, misuse = "report", report = reportTo(heapOf) } = options;
  const errors = errorNumbers(options.errors);
  const outOfMemory = (): number => {
    setErrno(errors.ENOMEM);
    return 0;
  };
  const invalid = (): number => {
    setErrno(errors.EINVAL);
    return 0;
  };
  const told = (error: unknown): void => {
    if (!(error instanceof KmemError)) throw error;
    // A heap that is to panic was asked to.
    if (error.code === "CORRUPTION" || misuse === "throw") throw error;
    report(error);
  };
  const caught = (error: unknown): number => {
    if (error instanceof KmemError && error.code === "OUT_OF_MEMORY") return outOfMemory();
    told(error);
    return invalid();
  };
  return { errors, outOfMemory, invalid, caught, told };
}
