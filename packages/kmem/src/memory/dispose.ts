/**
 * What ends something that goes on until then: by a call, by `dispose()`, or at the end of a `using` block. Where an
 * engine has no `Symbol.dispose` nothing has that name there, here and in the classes that can be disposed of.
 */
export interface Registration {
  (): void;
  dispose(): void;
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
