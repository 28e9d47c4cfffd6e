// A JavaScript engine in WebAssembly, QuickJS out of npm as it is, of which every load and store is checked: `adopt`
// instruments its module on the way into the page. What reads or writes outside of blocks, or in freed ones, is told
// with who did it, who allocated and who freed the block.
import { adopt, Memcheck, programFrames, programHeapOptions } from "kmem/wasm";

/** Loads the engine by its glue and the bytes of its module. */
export async function loadChecked(glue, bytes) {
  const adopted = adopt(bytes, { check: "memcheck" });
  const { frameAt } = programFrames(bytes);
  const reports = [];
  const module = await glue({
    // Emscripten asks for the instance here, where it is given a function.
    instantiateWasm(imports, done) {
      let exports;
      const report = (found) => reports.push(found.text(frameAt));
      // The program's first allocation makes its heap, in the program's own memory, after the shadow of all of it.
      const check = new Memcheck(adopted, () => programHeapOptions(adopted, { imports, exports }), { report });
      WebAssembly.instantiate(adopted.bytes, { ...imports, kmem: { ...check.imports } }).then(
        ({ instance, module }) => {
          exports = instance.exports;
          done(instance, module);
        },
      );
      return {};
    },
  });
  return new Program(module, reports);
}

class Program {
  #module;
  #calls;
  #context;
  reports;

  constructor(module, reports) {
    const call = (name, result, ...args) => module.cwrap(`QTS_${name}`, result, args);
    this.#module = module;
    this.reports = reports;
    this.#calls = {
      eval: call("Eval", "number", "number", "number", "number", "string", "number", "number"),
      dump: call("Dump", "number", "number", "number"),
      freeString: call("FreeCString", null, "number", "number"),
      freeValue: call("FreeValuePointer", null, "number", "number"),
    };
    this.#context = call("NewContext", "number", "number", "number")(call("NewRuntime", "number")(), 0);
  }

  /** What a script comes to. A careless caller frees its text before the engine has read it. */
  evaluate(script, { freesTextFirst = false } = {}) {
    const context = this.#context;
    const text = new TextEncoder().encode(`${script}\0`);
    const place = this.#module._malloc(text.length);
    this.#module.HEAPU8.set(text, place);
    if (freesTextFirst) this.#module._free(place);
    const value = this.#calls.eval(context, place, text.length - 1, "script.js", 0, 0);
    const answer = this.#calls.dump(context, value);
    const bytes = this.#module.HEAPU8;
    const result = new TextDecoder().decode(bytes.slice(answer, bytes.indexOf(0, answer)));
    this.#calls.freeString(context, answer);
    this.#calls.freeValue(context, value);
    if (!freesTextFirst) this.#module._free(place);
    return result;
  }
}
