// A JavaScript engine in WebAssembly, QuickJS out of npm as it is, whose malloc is a heap of kmem's: `adopt` rewrites
// its module on the way into the page, and Emscripten's glue does not notice.
import { heapStats } from "kmem";
import { DebugHeap } from "kmem/debug";
import { adopt, cMalloc, exposeStack, programFrames, programHeapOptions, programLeaks } from "kmem/wasm";

/** Loads the engine by its glue and the bytes of its module. */
export async function loadEngine(glue, bytes) {
  // Each call is to be seen, with its stack: none is served within the program.
  const adopted = adopt(bytes, { merge: false });
  // What lies below the stack pointer is left over from calls that have ended: no pointer of the program's.
  const stack = exposeStack(adopted.bytes);
  const misuses = [];
  let exports;
  let heap;
  const module = await glue({
    // Emscripten asks for the instance here, where it is given a function.
    instantiateWasm(imports, done) {
      const report = (bug) => misuses.push(bug.title);
      // The program's first allocation makes its heap, in the program's own memory. U keeps who allocated what.
      const makeHeap = () =>
        DebugHeap.create({ ...programHeapOptions(adopted, { imports, exports }), debug: "U", stackDepth: 32, report });
      const heapOf = () => {
        heap ??= makeHeap();
        return heap;
      };
      const calls = cMalloc(heapOf);
      WebAssembly.instantiate(stack.bytes, { ...imports, kmem: { ...calls } }).then(({ instance, module }) => {
        exports = instance.exports;
        done(instance, module);
      });
      return {};
    },
  });
  const frames = programFrames(bytes, { originOf: (offset) => adopted.originOf(stack.originOf(offset)) });
  const roots = () => {
    const pointer = exports[stack.exportedAs].value;
    return { heapBase: adopted.heapBase, stack: { low: stack.low, pointer } };
  };
  return new Engine(module, { heap, roots, misuses, frames });
}

class Engine {
  #module;
  #program;
  #calls;
  #runtime;

  constructor(module, program) {
    const call = (name, result, ...args) => module.cwrap(`QTS_${name}`, result, args);
    this.#module = module;
    this.#program = program;
    this.#calls = {
      newContext: call("NewContext", "number", "number", "number"),
      eval: call("Eval", "number", "number", "number", "number", "string", "number", "number"),
      dump: call("Dump", "number", "number", "number"),
      freeString: call("FreeCString", null, "number", "number"),
      freeValue: call("FreeValuePointer", null, "number", "number"),
      freeContext: call("FreeContext", null, "number"),
    };
    this.#runtime = call("NewRuntime", "number")();
  }

  /** What a script comes to. Its text is copied into a block of the program's, which a careless caller forgets. */
  evaluate(script, { forgetsText = false } = {}) {
    const { newContext, eval: run, dump, freeString, freeValue, freeContext } = this.#calls;
    const context = newContext(this.#runtime, 0);
    const text = new TextEncoder().encode(`${script}\0`);
    const place = this.#module._malloc(text.length);
    this.#module.HEAPU8.set(text, place);
    const value = run(context, place, text.length - 1, "script.js", 0, 0);
    const answer = dump(context, value);
    const result = this.#textAt(answer);
    freeString(context, answer);
    freeValue(context, value);
    freeContext(context);
    if (!forgetsText) this.#module._free(place);
    return result;
  }

  /** A wrong call of the program's, which is told and not made. */
  freeTwice() {
    const block = this.#module._malloc(20);
    this.#module._free(block);
    this.#module._free(block);
  }

  get stats() {
    const { liveBlocks, bytes } = heapStats(this.#program.heap);
    return { liveBlocks, liveBytes: bytes.liveSlabBytes + bytes.blockRunBytes, memoryBytes: this.#memoryBytes };
  }

  get #memoryBytes() {
    return this.#program.heap.buffer.byteLength;
  }

  get misuses() {
    return this.#program.misuses;
  }

  /** Blocks that nothing in the program leads to any more, by who allocated them. */
  lost() {
    const { heap, roots } = this.#program;
    // The address of the engine's state is kept out here, where nobody would look for it.
    return programLeaks(heap, { ...roots(), pointers: [this.#runtime] }).lost.map((site) => this.#shown(site));
  }

  /** All live blocks by who allocated them, the most bytes first. */
  sites() {
    return this.#program.heap.leaks().map((site) => this.#shown(site));
  }

  /** Frames of the library and of the glue are left out. */
  #shown({ blocks, bytes, stack }) {
    const lines = stack.split("\n").map((line) => this.#program.frames.mapFrame(line.trim()));
    return { blocks, bytes, frames: lines.filter((line) => line !== "" && !/\/kmem\/|\/quickjs\//.test(line)) };
  }

  #textAt(address) {
    const bytes = this.#module.HEAPU8;
    return new TextDecoder().decode(bytes.subarray(address, bytes.indexOf(0, address)));
  }
}
