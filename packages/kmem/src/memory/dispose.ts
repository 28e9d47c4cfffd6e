declare global {
  // For programs whose lib does not declare it: the classes that can be disposed of have it among their names.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/**
 * What ends something that goes on until then: by a call, by `dispose()`, or at the end of a `using` block. Where an
 * engine has no `Symbol.dispose` nothing has that name there, here and in the classes that can be disposed of.
 */
export interface Registration {
  /** Ends it, at the first call; does nothing after that. */
  (): void;
  /** Ends it, as a call does. */
  dispose(): void;
  /** Ends it, as a call does, at the end of a `using` block. */
  [Symbol.dispose](): void;
}

/** A registration that `end` ends, at the first of its calls. */
export function registration(end: () => void): Registration {
  let isOver = false;
  const once = (): void => {
    if (isOver) return;
    isOver = true;
    end();
  };
  return Object.assign(() => once(), { dispose: once, [Symbol.dispose]: once });
}
