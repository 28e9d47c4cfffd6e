import { knownContenders } from "kmem-cli/internal/contenders/known-contenders";
import { defaultContenders } from "kmem-cli/internal/replay/contender";
import { expect, it } from "vitest";
import { labContenders } from "../../src/peers/contenders.ts";

it("the laboratory has every contender of the command, and others that take part where they are named", () => {
  const names = labContenders().map(({ name }) => name);
  const known = knownContenders().map(({ name }) => name);
  const own = names.filter((name) => !known.includes(name));
  expect(own).toEqual(["as-tlsf", "thi.ng", "codemix", "kmem-words"]);
  expect(names.filter((name) => known.includes(name))).toEqual(known);
  expect(names.indexOf("as-tlsf")).toBe(names.indexOf("emmalloc") + 1);
  expect(defaultContenders(labContenders()).filter(({ name }) => own.includes(name))).toEqual([]);
});
