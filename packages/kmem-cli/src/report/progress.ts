import cliProgress from "cli-progress";
import { onEarlyExit } from "../system/cleanup.ts";
import type { TraceProgress } from "../trace/trace-progress.ts";

const BAR_COLUMNS = 30;
const BYTES_PER_MIB = 2 ** 20;

/** Shows how far the replay of one trace has come: a bar on a terminal, nothing elsewhere. */
export interface Progress {
  reading(name: string, progress: TraceProgress): void;
  replaying(name: string, doneCount: number, processCount: number): void;
  /** Clears the bar, so that other text can be written. */
  stop(): void;
}

/** A progress that shows nothing. */
export const NO_PROGRESS: Progress = { reading: () => {}, replaying: () => {}, stop: () => {} };

/** A bar on a terminal. */
export class ProgressBar implements Progress {
  readonly #bar: cliProgress.SingleBar;
  /** Undefined while no bar is shown. */
  #forgetExit: (() => void) | undefined;

  constructor(stream: NodeJS.WritableStream) {
    this.#bar = new cliProgress.SingleBar(
      {
        stream,
        format: "{phase} {name} {bar} {amount}",
        barsize: BAR_COLUMNS,
        clearOnComplete: true,
        hideCursor: null,
        gracefulExit: false,
      },
      cliProgress.Presets.shades_grey,
    );
  }

  reading(name: string, { readBytes, fileBytes }: TraceProgress): void {
    const amount = `${(readBytes / BYTES_PER_MIB).toFixed(1)} MiB`;
    this.#show(fileBytes ?? readBytes, readBytes, { phase: "reading", name, amount });
  }

  replaying(name: string, doneCount: number, processCount: number): void {
    this.#show(processCount, doneCount, { phase: "replaying", name, amount: `${doneCount}/${processCount} runs` });
  }

  stop(): void {
    if (this.#forgetExit === undefined) return;
    this.#bar.stop();
    this.#forgetExit();
    this.#forgetExit = undefined;
  }

  #show(total: number, value: number, texts: { phase: string; name: string; amount: string }): void {
    if (this.#forgetExit === undefined) {
      this.#bar.start(total, value, texts);
      // A bar that is cut off leaves the terminal without line wrapping.
      this.#forgetExit = onEarlyExit(() => this.#bar.stop());
    }
    this.#bar.setTotal(total);
    this.#bar.update(value, texts);
  }
}
