import type { Finding } from "../memory/finding.ts";

/** One thing that was damaged beyond what is rebuilt anyway, and what was done about it. */
export interface RepairStep {
  /** The layer that it was done in. */
  readonly layer: Finding["layer"];
  /** Where: the address of the page, block or table word that was changed. */
  readonly address: number;
  /** What was done, in a sentence without its full stop. */
  readonly done: string;
  /** Whether it could not be made what it was: it is kept in a safe form, or forgotten. */
  readonly isLoss: boolean;
}

/** Notes what a repair does, in one layer. */
export class RepairLog {
  readonly #steps: RepairStep[];
  readonly #layer: Finding["layer"];

  constructor(steps: RepairStep[], layer: Finding["layer"]) {
    this.#steps = steps;
    this.#layer = layer;
  }

  /** Something is as it was. */
  done(address: number, done: string): void {
    this.#steps.push({ layer: this.#layer, address, done, isLoss: false });
  }

  /** Something is safe, but not as it was. */
  lost(address: number, done: string): void {
    this.#steps.push({ layer: this.#layer, address, done, isLoss: true });
  }
}
