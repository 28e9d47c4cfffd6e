/**
 * What the command's `SpoolFile` is, in memory: the bundler puts it in the place of that module. Forms that are not
 * read front to back are given all of their bytes at once here, so that little is ever kept.
 */
export class SpoolFile {
  #bytes: Uint8Array = new Uint8Array(0);

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  append(bytes: Uint8Array): void {
    const longer = new Uint8Array(this.#bytes.length + bytes.length);
    longer.set(this.#bytes);
    longer.set(bytes, this.#bytes.length);
    this.#bytes = longer;
  }

  /** Reads from an offset on until `into` is full or there is no more; answers the number of bytes. */
  read(offset: number, into: Uint8Array): number {
    const part = this.#bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }

  close(): void {
    this.#bytes = new Uint8Array(0);
  }
}

// Readers let others have their turn by it, as Node has it. A message comes sooner than any timer.
const scope = globalThis as unknown as { setImmediate?: (turn: () => void) => unknown };
if (scope.setImmediate === undefined) {
  const { port1, port2 } = new MessageChannel();
  const turns: (() => void)[] = [];
  port1.onmessage = () => turns.shift()?.();
  scope.setImmediate = (turn) => {
    turns.push(turn);
    port2.postMessage(undefined);
  };
}
