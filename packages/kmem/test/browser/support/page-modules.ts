import type { Page } from "playwright-core";

type Arguments<Function> = Function extends (...args: infer Args) => unknown ? Args : never;
type Result<Function> = Function extends (...args: never[]) => infer Value ? Awaited<Value> : never;

/** A page that runs the functions of one module in `pages`. */
export class ModulePage<Functions> {
  readonly #page: Page;
  readonly #moduleUrl: string;
  readonly #errors: string[] = [];

  constructor(page: Page, moduleUrl: string) {
    this.#page = page;
    this.#moduleUrl = moduleUrl;
    page.on("pageerror", (error) => this.#errors.push(String(error.stack ?? error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.#errors.push(message.text());
    });
  }

  /** Errors that nobody caught, and those that the browser itself has written to the console. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** Runs a function that the module exports, in the page, and gives what it gives. */
  call<Name extends keyof Functions & string>(
    name: Name,
    ...args: Arguments<Functions[Name]>
  ): Promise<Result<Functions[Name]>> {
    // As text: the test runner would put a function of its own in the place of `import`.
    const [moduleUrl, property] = [this.#moduleUrl, name].map((text) => JSON.stringify(text));
    return this.#page.evaluate(
      `import(${moduleUrl}).then((module) => module[${property}](...${JSON.stringify(args)}))`,
    );
  }
}
