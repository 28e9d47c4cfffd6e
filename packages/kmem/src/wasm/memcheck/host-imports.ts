/** Told when a program calls JavaScript, and when that has returned. */
export interface HostNotes {
  enter(): void;
  leave(args: readonly number[]): void;
}

/** Imports whose functions tell of each call; all else stays as it is. */
export function withNotes(imports: WebAssembly.Imports, notes: HostNotes): WebAssembly.Imports {
  return Object.fromEntries(
    Object.entries(imports).map(([module, values]) => {
      const noted = Object.entries(values).map(([name, value]) => {
        return [name, typeof value === "function" ? notedFunction(value as HostFunction, notes) : value];
      });
      return [module, Object.fromEntries(noted) as WebAssembly.ModuleImports];
    }),
  );
}

type HostFunction = (...args: unknown[]) => unknown;

function notedFunction(call: HostFunction, notes: HostNotes): HostFunction {
  return (...args) => {
    notes.enter();
    try {
      return call(...args);
    } finally {
      notes.leave(args.filter((arg) => typeof arg === "number"));
    }
  };
}
