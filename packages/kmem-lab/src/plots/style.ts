/** The colours of a light page; {@link DARK_STYLE} has those of a dark one. */
export const BACKGROUND = "#ffffff";
export const TEXT_COLOUR = "#24292f";
export const GRID_COLOUR = "#d8dee4";
export const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

/** What takes the place of these colours where a page is dark. */
export const DARK_STYLE: string = `
@media (prefers-color-scheme: dark) {
  [fill="${BACKGROUND}"] { fill: #0d1117; }
  [fill="${TEXT_COLOUR}"] { fill: #e6edf3; }
  [stroke="${TEXT_COLOUR}"] { stroke: #b9c0c9; }
  [stroke="${GRID_COLOUR}"] { stroke: #30363d; }
}`;

const OWN_COLOUR = "#d1242f";
/** kmem in other modes: shades of its own colour. */
const OWN_SHADES: readonly string[] = ["#f08a8f", "#7d1218"];
/** After Okabe and Ito: told apart by nearly every eye. */
const OTHER_COLOURS: readonly string[] = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#56b4e9",
  "#8250df",
  "#57606a",
  "#cc79a7",
  "#b8a500",
  "#5d3a00",
  "#00a6a6",
  "#000000",
];

/** A colour for each allocator: kmem's stands out. */
export function coloursFor(names: readonly string[]): string[] {
  let shade = 0;
  let other = 0;
  return names.map((name) => {
    if (name === "kmem") return OWN_COLOUR;
    if (name.startsWith("kmem")) return OWN_SHADES[shade++ % OWN_SHADES.length]!;
    return OTHER_COLOURS[other++ % OTHER_COLOURS.length]!;
  });
}
