import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Page } from "playwright-core";
import { Random } from "../../../kmem/test/support/random.ts";
import { mutate as mutateDump } from "../../../kmem-cli/test/dumps/mutate.ts";
import { type Scene, scenes } from "../../../kmem-cli/test/dumps/scenes.ts";
import { damageBinary, damageText } from "../../../kmem-cli/test/traces/mutate.ts";
import { samples } from "../../../kmem-cli/test/traces/samples.ts";
import { DumpService } from "../../src/work/dump-service.ts";
import { TraceService } from "../../src/work/trace-service.ts";
import { InspectorPage } from "../support/opened-page.ts";

/** A file that may hold anything. */
export interface HostileFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What the page made of one: it shows it, or says why not. */
export type Verdict = "shown" | "refused";

const SEEDS_APART = 1_000_000;
const MAP_MODE_COUNT = 6;
/** Zeros that a bomb unpacks to: more than the page takes of so short a file. */
const BOMB_BYTES = 2 ** 28;
const PACKED_EVERY = 6;

/** Files that unpack to far more than they are, or ask for memory that they do not need. */
export function bombs(): HostileFile[] {
  const zeros = new Uint8Array(BOMB_BYTES);
  const window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (20 << 3) | 7, 1, 0, 0];
  return [
    { name: "bomb.zst", bytes: new Uint8Array(zstdCompressSync(zeros)) },
    { name: "bomb.gz", bytes: new Uint8Array(gzipSync(zeros)) },
    { name: "window.zst", bytes: Uint8Array.from(window) },
  ];
}

/** Damaged files by their numbers: dumps and traces of all forms in turns, some of them packed. */
export class HostileFiles {
  readonly #scenes: readonly Scene[] = scenes();
  readonly #samples = [...samples()];
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  file(number: number): HostileFile {
    const random = new Random(this.#seed * SEEDS_APART + number);
    const [form, sample] = this.#samples[(number >>> 1) % this.#samples.length]!;
    const isDump = number % 2 === 0;
    const { name, dump } = isDump
      ? mutateDump(this.#scenes, random)
      : { name: form, dump: random.pick([damageText, damageBinary])(random)(sample) };
    const bytes = random.below(PACKED_EVERY) === 0 ? new Uint8Array(zstdCompressSync(dump)) : dump;
    return { name: `${number} ${name}`, bytes };
  }
}

/** What the models say of a file without a page. */
export async function verdictOfModels(file: HostileFile): Promise<Verdict> {
  try {
    if (new DumpService().openIfDump(file) === undefined) await new TraceService().open(file);
    return "shown";
  } catch {
    return "refused";
  }
}

/** Opens files in a page as a user does, and looks at everything that the page offers of them. */
export class HostilePage {
  readonly inspector: InspectorPage;
  readonly #page: Page;

  /** @param page with the inspector in it, and nothing opened. */
  constructor(page: Page) {
    this.#page = page;
    this.inspector = new InspectorPage(page);
    page.on("crash", () => this.inspector.faults.push("the page crashed"));
  }

  /** Shows a file. Rejects where the page hangs. */
  async look({ name, bytes }: HostileFile): Promise<Verdict> {
    const page = this.#page;
    const file = { name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) };
    await page.locator("header input[type=file]").setInputFiles(file);
    await page.locator(".busy").waitFor({ state: "detached" });
    await page
      .locator("main > [role=alert]")
      .or(page.locator("header .name", { hasText: name }))
      .first()
      .waitFor();
    if ((await page.locator("header .name", { hasText: name }).count()) === 0) return "refused";
    await ((await page.locator("#tab-map").count()) > 0 ? this.#lookAtDump() : this.#lookAtTrace());
    return "shown";
  }

  async #lookAtDump(): Promise<void> {
    const page = this.#page;
    const modes = page.getByRole("group", { name: "What the map shows" }).getByRole("button");
    for (let place = 0; place < MAP_MODE_COUNT; place++) {
      if (await modes.nth(place).isEnabled()) await modes.nth(place).click();
      await page.locator(".legend li, .side .bad").first().waitFor();
    }
    await page.locator("#address").fill("0x8010");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("button", { name: "Show" }).click();
    await page.locator("#order-answer").waitFor();
    for (const view of ["findings", "layers", "sites", "compare"]) {
      await this.inspector.show(view);
      if (view === "findings") await page.locator("#summary, main > [role=alert]").first().waitFor();
    }
    await this.inspector.show("map");
  }

  async #lookAtTrace(): Promise<void> {
    const sides = this.#page.locator("kmem-inspector-time section");
    for (const place of [0, 1]) {
      await sides.nth(place).locator("[data-side=footprint], .bad").first().waitFor();
    }
    for (const name of ["Peak", "One back", "Start"]) await this.#page.getByRole("button", { name }).click();
    await this.inspector.show("callers");
    await this.#page.locator("#objects-sites").waitFor();
    await this.inspector.show("time");
  }
}
