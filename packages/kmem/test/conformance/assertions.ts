/** A sentence of the suite that does not hold. The suite has assertions of its own, to run without a test runner. */
export class ConformanceFault extends Error {
  override readonly name: string = "ConformanceFault";
}

/** Throws unless a condition holds; the text says what was expected. */
export function ensure(condition: boolean, text: () => string): asserts condition {
  if (!condition) throw new ConformanceFault(text());
}

/** Of what differs, the characters that are shown on both sides. */
const SHOWN_CHARS = 60;

/** Throws unless two values are the same, as JSON has them. */
export function ensureSame(actual: unknown, expected: unknown, what: string): void {
  const [is = "", was = ""] = [JSON.stringify(actual), JSON.stringify(expected)];
  ensure(is === was, () => {
    let at = 0;
    while (is[at] === was[at]) at++;
    const cut = (text: string): string => text.slice(Math.max(0, at - SHOWN_CHARS), at + SHOWN_CHARS);
    return `${what}: …${cut(is)}…, expected …${cut(was)}…`;
  });
}

/** The code of the error that an action throws: "" where it has none, undefined where nothing is thrown. */
export function thrownCode(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    return typeof code === "string" ? code : "";
  }
}

/** Throws unless an action throws: an error with this code, where one is given. */
export function ensureThrows(action: () => unknown, code: string | undefined, what: string): void {
  const thrown = thrownCode(action);
  const isRefused = code === undefined ? thrown !== undefined : thrown === code;
  ensure(isRefused, () => `${what}: ${thrown === undefined ? "nothing is thrown" : `"${thrown}" is thrown`}`);
}
