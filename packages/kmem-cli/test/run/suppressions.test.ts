import { describe, expect, it } from "vitest";
import { Suppressions } from "../../src/run/suppressions.ts";

/** Whether a file of one line covers a leak with a stack, as it is shown. */
function covers(line: string, ...stack: readonly string[]): boolean {
  return Suppressions.parse(line).covers("leak", [stack]);
}

describe("a suppression", () => {
  it("names functions from the innermost on", () => {
    expect(covers("leak: make < main", "at make (a.c:1:2)", "at main (a.c:9:1)", "at _start")).toBe(true);
    expect(covers("leak: main", "at make (a.c:1:2)", "at main (a.c:9:1)")).toBe(false);
    expect(covers("leak: ... < main", "at make (a.c:1:2)", "at main (a.c:9:1)")).toBe(true);
  });

  it("has names of templates, of operators and of closures, which have < and # in them", () => {
    const push = "at std::__1::vector<int, std::allocator<int>>::push_back(int const&) (/usr/include/vector:1:2)";
    expect(covers("leak: std::__1::vector<int*>::push_back* < main", push, "at main (a.cc:3:1)")).toBe(true);
    expect(covers("leak: std::__1::vector<long*>::push_back* < main", push, "at main (a.cc:3:1)")).toBe(false);
    expect(covers("leak: app::{closure#0} < main", "at app::{closure#0} (a.rs:1:2)", "at main (a.rs:3:1)")).toBe(true);
    expect(covers("leak: operator<<(stream&, int)", "at operator<<(stream&, int) (a.cc:1:2)")).toBe(true);
  });

  it("has functions of files with parentheses in their names", () => {
    expect(covers("leak: main", "at main (/home/a (b)/x.c:3:1)")).toBe(true);
    expect(covers("leak: f(int, char (*)())", "at f(int, char (*)()) (/home/a (b)/x.c:3:1)")).toBe(true);
    expect(covers("leak: f(int, char (*)())", "at f(int, char (*)()) (x.c:3:1)")).toBe(true);
  });

  it("ends where a comment begins, at the beginning of a line or after a blank", () => {
    expect(covers("# all\nleak: main # known", "at main (a.c:1:1)")).toBe(true);
    expect(covers("#leak: main", "at main (a.c:1:1)")).toBe(false);
  });

  it.each(["leak: a < ", "leak: < a", "leak: a < < b"])("is refused where it leaves out a function: %j", (line) => {
    expect(() => Suppressions.parse(line)).toThrow("line 1 leaves out a function");
  });

  it.each(["leak", "leak:", "leaks: a", "a < b"])("is refused where it is none: %j", (line) => {
    expect(() => Suppressions.parse(line)).toThrow("line 1");
  });
});
