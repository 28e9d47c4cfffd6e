import { describe, expect, it } from "vitest";
import { WasmModule } from "../../../src/wasm/binary/module.ts";
import { CodeFacts } from "../../../src/wasm/code/code-facts.ts";
import { FunctionCode } from "../../../src/wasm/code/function-code.ts";
import { buildModule, I32, leb, op } from "../support/module-builder.ts";

const BRANCHES = 50_000;

function codeOf(code: readonly number[]): FunctionCode {
  const bytes = buildModule({ functions: [{ params: [I32], results: [], code }] });
  return new FunctionCode(new CodeFacts(new WasmModule(bytes)), 0);
}

/** Two blocks, in which a table branches to the end of the inner and the outer one by turns, and ends. */
const table = Array.from({ length: BRANCHES }, (_, index) => index % 2);
const branching = [
  ...[0x02, 0x40, 0x02, 0x40, ...op.get(0), 0x0e, ...leb(BRANCHES - 1), ...table, ...op.end, ...op.end],
];

describe("the instructions of a function", () => {
  it("have each place that a table of many branches goes to once", () => {
    const TABLE = 3;
    const [INNER_END, OUTER_END] = [4, 5];
    expect(codeOf(branching).following(TABLE)).toEqual([INNER_END, OUTER_END]);
  });

  it("are not known where there are very many, and take no memory then", () => {
    const code = codeOf(Array.from({ length: 300_000 }, () => 0x01));
    expect([code.isUnsure, code.instructions.length]).toEqual([true, 0]);
  });
});
