import { badArgument, reading, requireOptionalFunction, requireText, requireWhole } from "../memory/arguments.ts";

/** Where a kernel prints: its messages are part of what the seed documents promise. */
export interface KernelConsole {
  /** Takes one message, without a line break at its end. */
  print(message: string): void;
}

const DEFAULT_CAPACITY_MESSAGES = 1024;
const MAX_CAPACITY_MESSAGES: number = 2 ** 24;

/**
 * A ring of messages, as dmesg shows it: the newest `capacityMessages` are kept. `echo` gets each message as it comes.
 */
export class LogRing implements KernelConsole {
  readonly #capacityMessages: number;
  readonly #echo: ((message: string) => void) | undefined;
  readonly #messages: string[] = [];
  #next = 0;

  /** Keeps 1 to 2^24 messages, 1024 unless told otherwise. Throws BAD_ARGUMENT. */
  constructor(echo?: (message: string) => void, capacityMessages: number = DEFAULT_CAPACITY_MESSAGES) {
    requireOptionalFunction("echo", echo);
    requireWhole("capacityMessages", capacityMessages, 1, MAX_CAPACITY_MESSAGES);
    this.#echo = echo;
    this.#capacityMessages = capacityMessages;
  }

  /** Adds a message and hands it to `echo`; where there are too many the oldest goes. Throws BAD_ARGUMENT. O(1). */
  print(message: string): void {
    requireText("message", message);
    this.#messages[this.#next % this.#capacityMessages] = message;
    this.#next++;
    this.#echo?.(message);
  }

  /** The messages kept, oldest first. */
  messages(): string[] {
    const oldest = Math.max(0, this.#next - this.#capacityMessages);
    return Array.from(
      { length: this.#next - oldest },
      (_, index) => this.#messages[(oldest + index) % this.#capacityMessages],
    );
  }

  /** Forgets all messages. */
  clear(): void {
    this.#messages.length = 0;
    this.#next = 0;
  }
}

/** Throws BAD_ARGUMENT for what a kernel cannot print to. */
export function requireConsole(console: KernelConsole): void {
  const isConsole = reading("console", console, () => typeof console.print === "function");
  if (!isConsole) throw badArgument("console", "an object with a function print", console);
}

/** What a face prints to unless it is told otherwise: a ring that echoes to console.error. */
export function defaultConsole(): LogRing {
  // biome-ignore lint/suspicious/noConsole: a face prints here only when it is given no console of its own.
  return new LogRing((message) => console.error(message));
}
