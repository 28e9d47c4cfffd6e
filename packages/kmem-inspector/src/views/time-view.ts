import { type CSSResult, html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { type ChartLine, type ChartMark, CourseChart } from "../draw/course-chart.ts";
import type { MapContents } from "../draw/memory-map.ts";
import { cssColour, PALETTES, type Theme } from "../draw/palette.ts";
import { problemText } from "../sources/problem-text.ts";
import { ALLOCATOR_NAMES, type AllocatorName } from "../trace/allocators.ts";
import { FULL, type Occupancy } from "../trace/replay.ts";
import type { EventDetail, LivePoint } from "../trace/trace-store.ts";
import type { ReplaySession, TraceSession } from "../work/trace-session.ts";
import { formatBytes, formatCount, formatNs, formatPercent } from "./format.ts";
import { baseStyles } from "./styles.ts";
import { timeStyles } from "./time-styles.ts";

const CHART_POINTS = 1500;
/** A trace is played in so many steps, one in each picture. */
const PLAY_STEPS = 600;

/** One of the two allocators that a trace is shown on. */
interface Side {
  readonly allocator: AllocatorName;
  readonly replay: ReplaySession | undefined;
  readonly occupancy: Occupancy | undefined;
  readonly problem: string | undefined;
}

/** The course of a trace, a scrubber over it, and two allocators side by side. Fires `moment` and `dump`. */
export class TimeView extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    session: { attribute: false },
    event: { attribute: false },
    theme: {},
    point: { state: true },
    detail: { state: true },
    sides: { state: true },
    isPlaying: { state: true },
  };

  static override readonly styles: CSSResult[] = [baseStyles, timeStyles];

  declare session: TraceSession;
  declare event: number | undefined;
  declare theme: Theme;
  declare private point: LivePoint | undefined;
  declare private detail: EventDetail | undefined;
  declare private sides: readonly Side[];
  declare private isPlaying: boolean;
  #chart: CourseChart | undefined;
  #course: readonly LivePoint[] = [];
  #observer: ResizeObserver | undefined;
  #asked = 0;
  #isAsking = false;

  constructor() {
    super();
    this.sides = [];
    this.isPlaying = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer?.disconnect();
    this.#chart?.close();
    this.isPlaying = false;
  }

  protected override firstUpdated(): void {
    const parent = this.renderRoot.querySelector<HTMLElement>(".chart")!;
    this.#chart = new CourseChart(parent, (event) => this.#seek(event));
    this.#observer = new ResizeObserver(() => this.#chart?.resize());
    this.#observer.observe(parent);
    void this.#open();
  }

  protected override updated(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("theme") && this.#course.length > 0) this.#drawChart();
    if (changed.has("event")) void this.#ask();
  }

  get #moment(): number {
    return Math.max(0, Math.min(this.session.outline.eventCount, this.event ?? this.session.outline.eventCount));
  }

  async #open(): Promise<void> {
    const { eventCount } = this.session.outline;
    this.#course = await this.session.calls.course(0, eventCount, CHART_POINTS);
    this.#drawChart();
    await this.#ask();
    for (const [place, allocator] of (["kmem", "bucket"] as const).entries()) void this.#choose(place, allocator);
  }

  async #choose(place: number, allocator: AllocatorName): Promise<void> {
    const put = (side: Partial<Side>): void => {
      const sides = [...this.sides];
      sides[place] = { replay: undefined, occupancy: undefined, problem: undefined, allocator, ...side };
      this.sides = sides;
    };
    put({});
    try {
      const replay = await this.session.replay(allocator);
      if (this.sides[place]?.allocator !== allocator) return;
      put({ replay });
      this.#drawChart();
      await this.#askSide(place, replay, this.#moment);
    } catch (error) {
      put({ problem: problemText(error) });
    }
  }

  #drawChart(): void {
    const events = this.#course.map(({ event }) => event);
    const lines: ChartLine[] = [{ label: "live", values: this.#course.map(({ liveBytes }) => liveBytes) }];
    for (const { replay } of this.sides) {
      if (replay !== undefined)
        lines.push({ label: replay.allocator, values: events.map((event) => footprintAt(replay, event)) });
    }
    if (this.session.outline.isKernel) {
      lines.push({ label: "pages", values: this.#course.map(({ pageBytes }) => pageBytes) });
    }
    const { peak } = this.session.outline;
    const failures = this.sides.flatMap(({ replay }): ChartMark[] =>
      replay?.course.firstFailure === undefined
        ? []
        : [{ event: replay.course.firstFailure, label: `${replay.allocator} fails` }],
    );
    this.#chart?.show(events, lines, [{ event: peak.event, label: "peak" }, ...failures], this.theme);
    if (this.#chart !== undefined) this.#chart.moment = this.#moment;
  }

  /** Asks for all that is shown of the moment; an answer that comes too late is not shown. */
  async #ask(): Promise<void> {
    const moment = this.#moment;
    this.#asked += 1;
    const asked = this.#asked;
    if (this.#chart !== undefined) this.#chart.moment = moment;
    const startMs = performance.now();
    const [point, detail] = await Promise.all([
      this.session.calls.point(moment),
      moment === 0 ? undefined : this.session.calls.event(moment - 1),
    ]);
    if (asked !== this.#asked) return;
    this.point = point;
    this.detail = detail;
    this.dataset["answerMs"] = (performance.now() - startMs).toFixed(1);
    await this.#askOccupancy();
  }

  /** Asks for the pages of both sides, of one moment at a time: what comes meanwhile is asked for after it. */
  async #askOccupancy(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      for (let moment = -1; moment !== this.#moment; ) {
        moment = this.#moment;
        await Promise.all(this.sides.map(({ replay }, place) => this.#askSide(place, replay, moment)));
      }
    } finally {
      this.#isAsking = false;
    }
  }

  async #askSide(place: number, replay: ReplaySession | undefined, moment: number): Promise<void> {
    const occupancy = await replay?.calls.occupancy(moment);
    if (occupancy === undefined || this.sides[place]?.replay !== replay) return;
    const sides = [...this.sides];
    sides[place] = { ...sides[place]!, occupancy };
    this.sides = sides;
  }

  #seek(event: number): void {
    const { eventCount } = this.session.outline;
    this.dispatchEvent(new CustomEvent("moment", { detail: Math.max(0, Math.min(eventCount, event)) }));
  }

  #play(): void {
    this.isPlaying = !this.isPlaying;
    if (!this.isPlaying) return;
    const { eventCount } = this.session.outline;
    const step = Math.max(1, Math.ceil(eventCount / PLAY_STEPS));
    if (this.#moment >= eventCount) this.#seek(0);
    const turn = (): void => {
      if (!this.isPlaying) return;
      this.#seek(this.#moment + step);
      if (this.#moment >= eventCount) this.isPlaying = false;
      else requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }

  protected override render(): TemplateResult {
    const { outline } = this.session;
    const moment = this.#moment;
    return html`
      <div class="chart" role="img" aria-label="Live bytes and footprints over the events of the trace"></div>
      ${this.#key()}
      <div class="row tools">
        <button @click=${() => this.#seek(0)}>Start</button>
        <button @click=${() => this.#seek(moment - 1)}>One back</button>
        <button @click=${() => this.#play()} aria-pressed=${this.isPlaying}>
          ${this.isPlaying ? "Pause" : "Play"}
        </button>
        <button @click=${() => this.#seek(moment + 1)}>One on</button>
        <button @click=${() => this.#seek(outline.peak.event)}>Peak</button>
        ${this.#failureButton()}
        <button @click=${() => this.#seek(outline.eventCount)}>End</button>
        <label for="scrubber">Event</label>
        <input
          id="scrubber"
          class="grow"
          type="range"
          min="0"
          max=${outline.eventCount}
          .value=${String(moment)}
          @input=${(event: Event) => this.#seek(Number((event.target as HTMLInputElement).value))}
        />
      </div>
      ${this.#figures()}
      <div class="sides">${this.sides.map((side, place) => this.#side(side, place))}</div>
    `;
  }

  #key(): TemplateResult {
    const { lines } = PALETTES[this.theme];
    const labels = [
      "live bytes",
      ...this.sides.flatMap(({ replay }) => (replay === undefined ? [] : [`footprint of ${replay.allocator}`])),
    ];
    if (this.session.outline.isKernel) labels.push("bytes of pages");
    return html`<div class="row key">
      ${labels.map(
        (label, index) => html`<span>
          <svg viewBox="0 0 14 10" aria-hidden="true">
            <rect y="4" width="14" height="2" fill=${cssColour(lines[index % lines.length]!)} />
          </svg>
          ${label}
        </span>`,
      )}
    </div>`;
  }

  #failureButton(): TemplateResult {
    const failures = this.sides.flatMap(({ replay }) => replay?.course.firstFailure ?? []);
    const first = failures.length === 0 ? undefined : Math.min(...failures);
    return html`<button ?disabled=${first === undefined} @click=${() => this.#seek(first! + 1)}>First failure</button>`;
  }

  #figures(): TemplateResult | typeof nothing {
    const { point, detail } = this;
    if (point === undefined) return nothing;
    const { event, timeNs, liveBytes, liveBlocks, pageBytes } = point;
    return html`<dl class="figures">
      <div><dt>Events</dt><dd id="event">${formatCount(event)}</dd></div>
      ${timeNs === undefined ? nothing : html`<div><dt>Time</dt><dd>${formatNs(timeNs)}</dd></div>`}
      <div title=${formatBytes(liveBytes)}><dt>Live bytes</dt><dd id="live">${formatCount(liveBytes)}</dd></div>
      <div><dt>Live blocks</dt><dd id="blocks">${formatCount(liveBlocks)}</dd></div>
      ${
        this.session.outline.isKernel
          ? html`<div title=${formatBytes(pageBytes)}><dt>Bytes of pages</dt><dd>${formatCount(pageBytes)}</dd></div>`
          : nothing
      }
      ${
        detail === undefined
          ? nothing
          : html`<div class="last">
              <dt>Last event</dt>
              <dd id="last">
                ${detail.name}, ${formatCount(detail.bytes)} bytes, block ${formatCount(detail.slot)}
                ${detail.frames.length === 0 ? nothing : html`<span class="soft">${detail.frames.join(" < ")}</span>`}
              </dd>
            </div>`
      }
    </dl>`;
  }

  #side({ allocator, replay, occupancy, problem }: Side, place: number): TemplateResult {
    return html`<section aria-label="Allocator ${place + 1}">
      <div class="row">
        <label for="side-${place}">Allocator</label>
        <select
          id="side-${place}"
          @change=${({ target }: Event) => {
            void this.#choose(place, (target as HTMLSelectElement).value as AllocatorName);
          }}
        >
          ${ALLOCATOR_NAMES.map((name) => html`<option ?selected=${name === allocator}>${name}</option>`)}
        </select>
        <span class="soft" role="status" ?hidden=${replay !== undefined || problem !== undefined}>Replaying…</span>
        ${problem === undefined ? nothing : html`<span class="bad">${problem}</span>`}
        ${
          allocator === "kmem" && replay !== undefined
            ? html`<button @click=${() => void this.#openDump(replay)}>Open this moment</button>`
            : nothing
        }
      </div>
      ${occupancy === undefined || replay === undefined ? nothing : this.#occupancy(replay, occupancy)}
    </section>`;
  }

  #occupancy({ course }: ReplaySession, occupancy: Occupancy): TemplateResult {
    const { footprintBytes, liveBytes, event } = occupancy;
    const share = footprintBytes === 0 ? 0 : liveBytes / footprintBytes;
    return html`
      <p class="side-figures" data-event=${event}>
        footprint <span data-side="footprint" title=${formatBytes(footprintBytes)}>${formatCount(footprintBytes)}</span>
        bytes, ${formatPercent(share)} of it live · at its peak ${formatBytes(course.peakFootprintBytes)} ·
        ${event === this.#moment ? nothing : html`after event ${formatCount(event)}, going on · `}
        ${course.failureCount === 0 ? "no failure" : `${formatCount(course.failureCount)} failures`}
      </p>
      <kmem-inspector-plain-map
        label="Pages of ${course.allocator} by what is live in them"
        theme=${this.theme}
        .contents=${contentsOf(occupancy)}
      ></kmem-inspector-plain-map>
    `;
  }

  async #openDump({ calls, allocator }: ReplaySession): Promise<void> {
    const bytes = await calls.dump(this.#moment);
    const name = `${this.session.place.name} on ${allocator}, event ${this.#moment}`;
    if (bytes !== undefined) this.dispatchEvent(new CustomEvent("dump", { detail: { name, bytes } }));
  }
}

/** The footprint after an event: that of the last point before it. */
function footprintAt({ course }: ReplaySession, event: number): number | null {
  const { events, footprintBytes } = course;
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (events[middle]! <= event) low = middle + 1;
    else high = middle;
  }
  return footprintBytes[Math.max(0, low - 1)] ?? null;
}

function contentsOf({ levels }: Occupancy): MapContents {
  const counts = [0, 0, 0, 0];
  const groupOf = (level: number): number => (level === 0 ? 0 : level <= FULL / 2 ? 1 : level < FULL ? 2 : 3);
  for (const level of levels) counts[groupOf(level)]! += 1;
  const labels = ["nothing live", "up to half live", "more", "full"];
  const values = [0, FULL / 2, FULL - 1, FULL + 1];
  const legend = labels.map((label, index) => ({ value: values[index]!, label, pages: counts[index]! }));
  return { scale: "steps", values: levels.map((level) => (level === 0 ? 0 : level + 1)), legend };
}
