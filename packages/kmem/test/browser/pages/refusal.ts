import { KmemError } from "kmem";

/** What is known of an error, in a form that leaves the page. */
export interface Refusal {
  readonly name: string;
  /** The code of an error of the library, undefined for all others. */
  readonly code: string | undefined;
  readonly message: string;
}

function refusalOf(error: unknown): Refusal {
  const { name, message } = error as Error;
  return { name, code: error instanceof KmemError ? error.code : undefined, message };
}

/** Does what must be refused, and gives the error; undefined where nothing was refused. */
export function refusal(action: () => unknown): Refusal | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return refusalOf(error);
  }
}

/** As {@link refusal}, for what is refused later. */
export function rejection(promise: Promise<unknown>): Promise<Refusal | undefined> {
  return promise.then(() => undefined, refusalOf);
}
