/** Gives the page's other work its turn. */
function nextTurn(delayMs = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** Works a little, then lets the page have its turn, again and again until it is over. */
export async function workInTurns(work: () => void, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    work();
    await nextTurn();
  }
}

/** Counts the turns that a timer gets; it gets none while the page is blocked. */
export class Ticks {
  readonly #timer: ReturnType<typeof setInterval>;
  #count = 0;

  constructor() {
    this.#timer = setInterval(() => {
      this.#count += 1;
    }, 1);
  }

  get count(): number {
    return this.#count;
  }

  /** Waits for some more. */
  async more(count: number): Promise<void> {
    const goal = this.#count + count;
    while (this.#count < goal) await nextTurn(1);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
