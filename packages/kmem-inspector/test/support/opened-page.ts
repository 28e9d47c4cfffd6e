import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";

const COMMAND = fileURLToPath(new URL("../../../kmem-cli/bin/kmem.js", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Runs the built command, and gives what it prints as JSON. */
export async function commandJson<Document>(...args: readonly string[]): Promise<Document> {
  const child = spawn(execPath, [COMMAND, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (piece) => {
    text += piece;
  });
  await once(child, "close");
  return JSON.parse(text) as Document;
}

/** `kmem inspect` as a user runs it. */
export class InspectCommand {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(...args: readonly string[]): Promise<InspectCommand> {
    const child = spawn(execPath, [COMMAND, "inspect", "--no-browser", ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    while (!text.includes("\n")) text += String((await once(child.stdout, "data"))[0]);
    return new InspectCommand(child, text.trim());
  }

  /** Ends it as Ctrl-C does; its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGINT");
    const [code] = (await once(this.#child, "exit")) as [number | null];
    return code;
  }
}

/** A page with the inspector in it, and what goes wrong there. */
export class InspectorPage {
  readonly page: Page;
  readonly faults: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.faults.push(String(error.stack ?? error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.faults.push(message.text());
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.hostname !== "127.0.0.1" && !/^(?:data|blob):$/.test(url.protocol)) this.faults.push(`asks ${url}`);
    });
  }

  /** Shows a view, and waits until it is there. */
  async show(view: string): Promise<void> {
    await this.page.locator(`#tab-${view}`).click();
    await this.page.locator(`[role=tabpanel][aria-labelledby=tab-${view}]`).waitFor();
  }

  /** The number that a place shows. */
  async figure(selector: string): Promise<number> {
    return numberIn(await this.page.locator(selector).first().innerText());
  }

  /** The rows of a table: the texts of its cells by the columns' ids, by the keys of the rows. */
  async table(id: string): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
    const table = this.page.locator(`#${id}`);
    await table.locator("tbody").waitFor({ state: "attached" });
    const rows = await table.locator("tbody tr").evaluateAll((elements) =>
      elements.map((row) => {
        const cells = [...row.querySelectorAll("td")].map((cell) => [
          cell.getAttribute("data-column"),
          cell.textContent?.trim() ?? "",
        ]);
        return [row.getAttribute("data-key"), Object.fromEntries(cells)];
      }),
    );
    return new Map(rows as [string, Record<string, string>][]);
  }

  /** What axe finds wrong with what is shown. */
  async axeFaults(): Promise<string[]> {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
      "axe.run()",
    );
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  }
}

/** The number in a text that has its thousands apart. */
export function numberIn(text: string): number {
  return Number(text.replaceAll(",", "").trim());
}
