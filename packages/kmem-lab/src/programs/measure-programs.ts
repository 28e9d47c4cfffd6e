import { extname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runProcess } from "kmem-cli/internal/system/run-process";
import { median } from "kmem-cli/internal/system/statistics";
import { compileProgram } from "./compile-program.ts";
import type { ProgramResult } from "./program-process.ts";
import { PROGRAM_ALLOCATORS, WASM_PROGRAMS } from "./programs.ts";

/** What one build of one program took. */
export interface ProgramReport {
  readonly program: string;
  readonly allocator: string;
  /** Calls of malloc, realloc and free in one run. */
  readonly callCount: number;
  /** By round: the median of its runs, in milliseconds. */
  readonly roundMs: readonly number[];
}

/** The programs' times, or why there are none. */
export interface ProgramsReport {
  readonly results: readonly ProgramReport[];
  readonly absentReason?: string;
}

interface Build {
  readonly program: string;
  readonly allocator: string;
  readonly args: readonly string[];
  readonly results: ProgramResult[];
}

/**
 * Times every program with kmem as its malloc, over its own memory, and with the dlmalloc of its C library, in turns.
 *
 * @throws when two builds of a program have worked out different things.
 */
export async function measurePrograms(roundCount: number): Promise<ProgramsReport> {
  const script = fileURLToPath(new URL(`./program-process${extname(import.meta.url)}`, import.meta.url));
  const builds: Build[] = [];
  try {
    for (const { name, amount } of WASM_PROGRAMS) {
      for (const { name: allocator, binding } of PROGRAM_ALLOCATORS) {
        const args = [script, await compileProgram(name, binding), binding, String(amount)];
        builds.push({ program: name, allocator, args, results: [] });
      }
    }
  } catch (error) {
    return { results: [], absentReason: error instanceof Error ? error.message : String(error) };
  }
  for (let round = 0; round < roundCount; round += 1) {
    for (const { args, results } of builds) {
      results.push(JSON.parse(await runProcess({ file: process.execPath, args })) as ProgramResult);
    }
  }
  requireSameWork(builds);
  return {
    results: builds.map(({ program, allocator, results }) => {
      const roundMs = results.map(({ runMs }) => median(runMs));
      return { program, allocator, callCount: results[0]!.callCount, roundMs };
    }),
  };
}

function requireSameWork(builds: readonly Build[]): void {
  for (const { program, results } of builds) {
    const first = builds.find((build) => build.program === program)!.results[0]!;
    const isSame = results.every((one) => one.checksum === first.checksum && one.callCount === first.callCount);
    if (!isSame) throw new Error(`the builds of ${program} have worked out different things`);
  }
}
