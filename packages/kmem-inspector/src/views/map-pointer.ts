import type { MemoryMap } from "../draw/memory-map.ts";

/** What becomes of what a pointer or a key does. */
export interface MapActions {
  hover(frame: number | undefined): void;
  pick(frame: number): void;
}

const WHEEL_FACTOR = 0.0018;
const KEY_ZOOM = 1.5;
/** A pointer that has moved less has clicked. */
const CLICK_PIXELS = 4;
const FOUND_ZOOM = 8;

/** Moves a map by pointer, wheel and keys. */
export class MapPointer {
  readonly #canvas: HTMLCanvasElement;
  readonly #map: MemoryMap;
  readonly #actions: MapActions;
  #from: { readonly x: number; readonly y: number } | undefined;
  #movedPixels = 0;
  #cursor: number | undefined;

  constructor(canvas: HTMLCanvasElement, map: MemoryMap, actions: MapActions) {
    this.#canvas = canvas;
    this.#map = map;
    this.#actions = actions;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointerleave", () => actions.hover(undefined));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("dblclick", (event) => this.#zoomAt(event, FOUND_ZOOM));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  /** A point of the canvas, in its own pixels. */
  #point({ offsetX, offsetY }: MouseEvent): { readonly x: number; readonly y: number } {
    const ratio = this.#canvas.width / Math.max(1, this.#canvas.clientWidth);
    return { x: offsetX * ratio, y: offsetY * ratio };
  }

  #down(event: PointerEvent): void {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#from = this.#point(event);
    this.#movedPixels = 0;
  }

  #move(event: PointerEvent): void {
    const { x, y } = this.#point(event);
    if (this.#from === undefined) {
      this.#actions.hover(this.#map.frameAt(x, y));
      return;
    }
    this.#map.pan(x - this.#from.x, y - this.#from.y);
    this.#movedPixels += Math.abs(x - this.#from.x) + Math.abs(y - this.#from.y);
    this.#from = { x, y };
  }

  #up(event: PointerEvent): void {
    this.#from = undefined;
    if (this.#movedPixels > CLICK_PIXELS) return;
    const { x, y } = this.#point(event);
    const frame = this.#map.frameAt(x, y);
    if (frame === undefined) return;
    this.#cursor = frame;
    this.#actions.pick(frame);
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    this.#zoomAt(event, Math.exp(-event.deltaY * WHEEL_FACTOR));
  }

  #zoomAt(event: MouseEvent, factor: number): void {
    const { x, y } = this.#point(event);
    this.#map.zoom(factor, x, y);
  }

  #key(event: KeyboardEvent): void {
    const { columns, pageCount } = this.#map;
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      Home: -pageCount,
      End: pageCount,
    };
    const step = steps[event.key];
    if (step !== undefined) {
      this.#cursor = Math.max(0, Math.min(pageCount - 1, (this.#cursor ?? 0) + step));
      this.#map.select(this.#cursor);
      this.#actions.hover(this.#cursor);
      this.#actions.pick(this.#cursor);
    } else if (event.key === "+" || event.key === "=") this.#map.zoom(KEY_ZOOM);
    else if (event.key === "-") this.#map.zoom(1 / KEY_ZOOM);
    else if (event.key === "0") this.#map.fit();
    else return;
    event.preventDefault();
  }
}
