import { PAGE_SIZE } from "kmem";
import { type CSSResult, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import type { Theme } from "../draw/palette.ts";
import { type DumpFigures, findingPages } from "../dump/figures.ts";
import { MAP_MODES, type MapMode } from "../dump/frame-modes.ts";
import type { FilePlace } from "../sources/opened-file.ts";
import { problemText } from "../sources/problem-text.ts";
import { formatBytes, formatCount } from "../views/format.ts";
import { baseStyles, themeStyles } from "../views/styles.ts";
import { DumpSession } from "../work/dump-session.ts";
import { openFile } from "../work/open-file.ts";
import type { TraceSession } from "../work/trace-session.ts";
import { frameStyles } from "./frame-styles.ts";
import { HeapFeed } from "./heap-feed.ts";
import type { InspectorState, KmemInspectorElement } from "./public-types.ts";
import { placesOf, readSession } from "./session-files.ts";
import { DUMP_VIEWS, type Going, TRACE_VIEWS, type ViewId } from "./view-ids.ts";
import { welcome } from "./welcome.ts";

const DEFAULT_EVERY_MS = 1000;

/** The element: see {@link KmemInspectorElement}. */
export class KmemInspector extends LitElement implements KmemInspectorElement {
  static override readonly properties: PropertyDeclarations = {
    session: {},
    sample: {},
    theme: { reflect: true },
    live: { attribute: false },
    everyMs: { attribute: "every-ms", type: Number },
    dump: { state: true },
    trace: { state: true },
    figures: { state: true },
    view: { state: true },
    mode: { state: true },
    going: { state: true },
    event: { state: true },
    earlier: { state: true },
    problem: { state: true },
    busy: { state: true },
    isPaused: { state: true },
  };

  static override readonly styles: CSSResult[] = [themeStyles, baseStyles, frameStyles];

  declare session: string | undefined;
  declare sample: string | undefined;
  declare theme: Theme;
  declare live: (() => Uint8Array) | undefined;
  declare everyMs: number;
  declare private dump: DumpSession | undefined;
  declare private trace: TraceSession | undefined;
  declare private figures: DumpFigures | undefined;
  declare private view: ViewId;
  declare private mode: MapMode;
  declare private going: Going | undefined;
  declare private event: number | undefined;
  declare private earlier: FilePlace | undefined;
  declare private problem: string | undefined;
  declare private busy: string | undefined;
  declare private isPaused: boolean;
  #feed: HeapFeed | undefined;
  #wanted: InspectorState = {};

  constructor() {
    super();
    this.theme = globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    this.everyMs = DEFAULT_EVERY_MS;
    this.view = "map";
    this.mode = "state";
    this.isPaused = false;
    this.addEventListener("dragover", (event) => event.preventDefault());
    this.addEventListener("drop", (event) => this.#drop(event));
  }

  /** What is shown, as text that can stand in a link; to set it shows the same again, of the same file. */
  get state(): InspectorState {
    const { view, mode, going, event } = this;
    return {
      view,
      ...(this.dump === undefined ? {} : { mode }),
      ...(going === undefined ? {} : { at: `0x${going.address.toString(16)}` }),
      ...(event === undefined ? {} : { event: String(event) }),
    };
  }

  set state(state: InspectorState) {
    this.#wanted = state;
    this.#applyState();
  }

  /** Opens a dump or a trace: a file, or the address of one. Shows what is wrong with it where it is none. */
  async open(file: Blob | { readonly name: string; readonly url: string; readonly byteLength: number }): Promise<void> {
    const place = file instanceof Blob ? { name: (file as Partial<File>).name ?? "file", blob: file } : file;
    await this.#open([place]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.session !== undefined) void this.#openSession(this.session);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#feed?.stop();
    this.#close();
  }

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("live") && this.live !== undefined) this.#follow(HeapFeed.ofFunction(this.live, this.everyMs));
  }

  protected override updated(changed: ReadonlyMap<PropertyKey, unknown>): void {
    const isOther = ["view", "mode", "going", "event"].some((name) => changed.has(name));
    if (isOther && (this.dump ?? this.trace) !== undefined) this.dispatchEvent(new CustomEvent("statechange"));
  }

  async #openSession(address: string): Promise<void> {
    const { files, live } = (await this.#attempt("Asking what there is to show…", () => readSession(address))) ?? {
      files: [],
    };
    if (live !== undefined) this.#follow(HeapFeed.ofAddress(live));
    else if (files.length > 0) await this.#open(files);
  }

  /** Opens files: of two dumps the earlier one is the first; a module of WebAssembly is the program of a dump. */
  async #open(all: readonly FilePlace[]): Promise<void> {
    const isModule = ({ name }: FilePlace): boolean => name.endsWith(".wasm");
    const places = all.filter((place) => !isModule(place));
    const place = places.at(-1) ?? all[0]!;
    await this.#attempt(`Opening ${place.name}…`, async () => {
      this.#feed?.stop();
      this.#feed = undefined;
      const opened = await openFile(place, all.find(isModule));
      this.#close();
      this.earlier = places.length > 1 ? places[0] : undefined;
      if (opened instanceof DumpSession) {
        this.view = this.earlier === undefined ? "map" : "compare";
        void this.#showDump(opened);
      } else {
        this.view = "time";
        this.trace = opened;
      }
      this.#applyState();
    });
  }

  /** Shows a dump; resolves when its figures are there. */
  async #showDump(dump: DumpSession): Promise<void> {
    this.dump = dump;
    // Of a heap that is followed the former figures stay until there are others: nothing jumps.
    if (this.#feed === undefined) this.figures = undefined;
    try {
      await this.updateComplete;
      // The map is drawn first.
      await new Promise(requestAnimationFrame);
      if (dump !== this.dump) return;
      await dump.readFigures((figures) => {
        const isWhole = figures.people !== undefined;
        if (dump === this.dump && (isWhole || this.#feed === undefined || this.figures === undefined))
          this.figures = figures;
      });
    } catch (error) {
      if (dump === this.dump) this.problem = problemText(error);
    }
  }

  /** Follows a heap: each dump of it takes the place of the one before. */
  #follow(feed: HeapFeed): void {
    this.#feed?.stop();
    this.#feed = feed;
    feed.start({
      isWanted: () => !this.isPaused && this.isConnected && document.visibilityState === "visible",
      take: async (place) => {
        if (feed !== this.#feed) return;
        const next = this.dump === undefined ? await DumpSession.open(place) : await this.dump.next(place);
        this.problem = undefined;
        await this.#showDump(next);
      },
      fail: (problem) => {
        this.problem = problem;
      },
    });
  }

  /** Does something that takes time; what goes wrong is shown. */
  async #attempt<Result>(busy: string, action: () => Promise<Result>): Promise<Result | undefined> {
    this.busy = busy;
    this.problem = undefined;
    try {
      return await action();
    } catch (error) {
      this.problem = problemText(error);
      return undefined;
    } finally {
      this.busy = undefined;
    }
  }

  #close(): void {
    this.dump?.close();
    this.trace?.close();
    this.dump = undefined;
    this.trace = undefined;
    this.figures = undefined;
    this.going = undefined;
    this.event = undefined;
  }

  #applyState(): void {
    const { view, mode, at, event } = this.#wanted;
    const known = [...(this.dump === undefined ? [] : DUMP_VIEWS), ...(this.trace === undefined ? [] : TRACE_VIEWS)];
    const wantedView = known.find(({ id }) => id === view);
    if (wantedView === undefined) return;
    this.#wanted = {};
    this.view = wantedView.id;
    this.mode = MAP_MODES.find(({ id }) => id === mode)?.id ?? this.mode;
    if (at !== undefined && Number.isFinite(Number(at))) this.going = { address: Number(at), isToBeFound: true };
    if (event !== undefined && Number.isFinite(Number(event))) this.event = Number(event);
  }

  #drop(event: DragEvent): void {
    event.preventDefault();
    const places = placesOf(event.dataTransfer?.files);
    if (places.length > 0) void this.#open(places);
  }

  #go({ address, isToBeFound }: Going): void {
    this.going = { address, isToBeFound };
    if (isToBeFound) this.view = "map";
  }

  protected override render(): TemplateResult {
    const { problem, busy } = this;
    const isEmpty = this.dump === undefined && this.trace === undefined;
    const openSample = this.sample === undefined ? undefined : this.#openSample;
    return html`
      ${this.#header()}
      <main>
        ${problem === undefined ? nothing : html`<p class="problem" role="alert">${problem}</p>`}
        ${busy === undefined ? nothing : html`<p class="busy" role="status">${busy}</p>`}
        ${isEmpty && busy === undefined ? welcome(openSample) : nothing} ${this.#content()}
      </main>
    `;
  }

  #header(): TemplateResult {
    const views = this.dump !== undefined ? DUMP_VIEWS : this.trace !== undefined ? TRACE_VIEWS : [];
    const place = (this.dump ?? this.trace)?.place;
    return html`<header>
      <h1>kmem inspect</h1>
      ${place === undefined ? nothing : html`<span class="name">${place.name}</span>`}
      <nav class="group" role="tablist" aria-label="Views">
        ${views.map(
          ({ id, label }) => html`<button
            role="tab"
            id="tab-${id}"
            aria-selected=${id === this.view}
            tabindex=${id === this.view ? 0 : -1}
            @click=${() => (this.view = id)}
            @keydown=${(event: KeyboardEvent) => this.#tabKey(event)}
          >
            ${label}${id === "findings" ? this.#findingCount() : ""}
          </button>`,
        )}
      </nav>
      <span class="summary">${this.#summary()}</span>
      ${this.#feed === undefined ? nothing : this.#liveButton()}
      <button aria-pressed=${this.theme === "dark"} @click=${() => this.#switchTheme()}>
        Dark
      </button>
      <label class="file">Open…<input type="file" multiple @change=${this.#choose} /></label>
    </header>`;
  }

  #switchTheme(): void {
    this.theme = this.theme === "dark" ? "light" : "dark";
  }

  #liveButton(): TemplateResult {
    return html`<button aria-pressed=${!this.isPaused} @click=${() => (this.isPaused = !this.isPaused)}>
      ${this.isPaused ? "Paused" : "Live"}
    </button>`;
  }

  #findingCount(): string {
    const count = this.figures?.check?.findings.length ?? 0;
    return count === 0 ? "" : ` (${formatCount(count)})`;
  }

  #summary(): string {
    const { figures, dump, trace } = this;
    if (trace !== undefined) return `${formatCount(trace.outline.eventCount)} events, ${trace.outline.formName}`;
    if (dump === undefined) return "";
    const size = formatBytes(dump.outline.pageCount * PAGE_SIZE);
    if (figures?.info === undefined) return size;
    const { liveBlocks, bytes } = figures.info.stats;
    const liveBytes = formatBytes(bytes.liveSlabBytes + bytes.blockRunBytes);
    return `${size} · ${formatCount(liveBlocks)} live blocks, ${liveBytes} · ${formatBytes(bytes.freePageBytes)} free`;
  }

  #content(): TemplateResult | typeof nothing {
    const { dump, trace, view, figures, theme } = this;
    const go = (event: CustomEvent<Going>): void => this.#go(event.detail);
    if (trace !== undefined) return this.#traceContent(trace);
    if (dump === undefined) return nothing;
    switch (view) {
      case "layers":
        return this.#panel(
          html`<kmem-inspector-layers
            .session=${dump}
            .figures=${figures}
            theme=${theme}
            @go=${go}
          ></kmem-inspector-layers>`,
        );
      case "sites":
        return this.#panel(
          html`<kmem-inspector-sites .figures=${figures} theme=${theme} @go=${go}></kmem-inspector-sites>`,
        );
      case "findings":
        return this.#panel(html`<kmem-inspector-findings .figures=${figures} @go=${go}></kmem-inspector-findings>`);
      case "compare":
        return this.#panel(
          html`<kmem-inspector-compare
            .session=${dump}
            .earlier=${this.earlier}
            theme=${theme}
            @go=${go}
            @earlier=${(event: CustomEvent<FilePlace>) => (this.earlier = event.detail)}
          ></kmem-inspector-compare>`,
        );
      default:
        return this.#mapContent(dump, go);
    }
  }

  #mapContent(dump: DumpSession, go: (event: CustomEvent<Going>) => void): TemplateResult {
    const { going } = this;
    return this.#panel(
      html`<kmem-inspector-map
        .session=${dump}
        mode=${this.mode}
        theme=${this.theme}
        .address=${going?.address}
        .isToBeFound=${going?.isToBeFound ?? false}
        .marked=${findingPages(this.figures)}
        @go=${go}
        @mode=${(event: CustomEvent<MapMode>) => (this.mode = event.detail)}
      >
        <kmem-inspector-detail
          .session=${dump}
          .address=${going?.address}
          @go=${(event: CustomEvent<number>) => this.#go({ address: event.detail, isToBeFound: true })}
        ></kmem-inspector-detail>
      </kmem-inspector-map>`,
      "fixed",
    );
  }

  #traceContent(trace: TraceSession): TemplateResult {
    if (this.view === "callers") {
      return this.#panel(html`<kmem-inspector-callers .session=${trace}></kmem-inspector-callers>`);
    }
    const view = html`<kmem-inspector-time
      .session=${trace}
      .event=${this.event}
      theme=${this.theme}
      @moment=${(event: CustomEvent<number>) => (this.event = event.detail)}
      @dump=${(event: CustomEvent<FilePlace>) => void this.#open([event.detail])}
    ></kmem-inspector-time>`;
    // Another trace has another chart and other replays.
    return this.#panel(html`${keyed(trace, view)}`, "fixed");
  }

  #panel(content: TemplateResult, sort = ""): TemplateResult {
    return html`<div class="panel ${sort}" role="tabpanel" aria-labelledby="tab-${this.view}">${content}</div>`;
  }

  #tabKey(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const ids: readonly ViewId[] = (this.dump === undefined ? TRACE_VIEWS : DUMP_VIEWS).map(({ id }) => id);
    this.view = ids[(ids.indexOf(this.view) + step + ids.length) % ids.length]!;
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>(`#tab-${this.view}`)?.focus());
  }

  #choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    const places = placesOf(input.files);
    input.value = "";
    if (places.length > 0) void this.#open(places);
  }

  readonly #openSample = async (): Promise<void> => {
    const bytes = await this.#attempt("Opening the sample…", async () => (await fetch(this.sample!)).blob());
    if (bytes !== undefined) await this.#open([{ name: "sample.dump", blob: bytes }]);
  };
}
