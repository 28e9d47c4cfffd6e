import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { toolFile, toolModule } from "./tools.ts";

interface RenderedImage {
  readonly width: number;
  asPng(): Uint8Array;
  free(): void;
}

/** What of its interface is used here. */
export interface Resvg {
  readonly Resvg: new (svg: string, options: object) => { render(): RenderedImage; free(): void };
  initWasm(bytes: BufferSource): Promise<void>;
}

/** The renderer in Rust, with its own allocator, or with one that whoever calls this has put in its place. */
export async function loadResvg(): Promise<Resvg> {
  const resvg = await toolModule<Resvg>("@resvg/resvg-wasm", "index.mjs");
  const bytes = readFileSync(toolFile("@resvg/resvg-wasm", "index_bg.wasm"));
  await resvg.initWasm(Uint8Array.from(bytes).buffer);
  return resvg;
}

/** Pictures with gradients, paths, masks and filters. */
export function workOfResvg(resvg: Resvg, scale = 1): string {
  const hash = createHash("sha256");
  for (let round = 0; round < 4 * scale; round++) {
    const shapes = Array.from({ length: 150 }, (_, index) => {
      const [x, y] = [(index * 37) % 400, (index * 91) % 300];
      return (
        `<path d="M${x} ${y} q${round * 3} 40 60 ${index % 50} t30 -20 z" fill="url(#g${index % 5})" opacity="0.7"/>` +
        `<circle cx="${y}" cy="${x % 300}" r="${5 + (index % 20)}" stroke="#${((index * 7) % 900) + 100}" fill="none"/>`
      );
    });
    const gradients = Array.from(
      { length: 5 },
      (_, index) =>
        `<linearGradient id="g${index}"><stop offset="0" stop-color="#${index}f${index}"/>` +
        `<stop offset="1" stop-color="#0${index}f"/></linearGradient>`,
    );
    const svg =
      `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><defs>${gradients.join("")}` +
      `<filter id="blur"><feGaussianBlur stdDeviation="3"/></filter></defs>` +
      `<g filter="url(#blur)">${shapes.slice(0, 40).join("")}</g>${shapes.join("")}</svg>`;
    const renderer = new resvg.Resvg(svg, { fitTo: { mode: "width", value: 300 + round } });
    const image = renderer.render();
    hash.update(image.asPng());
    image.free();
    renderer.free();
  }
  return hash.digest("hex");
}
