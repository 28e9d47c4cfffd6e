import { COLOUR_COUNT } from "./charts.ts";

/** The style of the page: light, dark, and on paper. Colours keep 4.5 to 1 from what is behind them as text. */
export const STYLE: string = `
:root {
  color-scheme: light dark;
  --text: #1c2128; --quiet: #545d68; --back: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --grid: #e4e8ec;
  --accent: #0b5cad; --bad: #b42318; --good: #17693a; --live: #d3dae2; --shade: 11, 92, 173;
  --c0: #0b5cad; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; --c4: #a16207; --c5: #0e7490;
  --c6: #be185d; --c7: #4b5563;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6edf3; --quiet: #a3adb8; --back: #0f141a; --panel: #171d25; --line: #343d48; --grid: #252d37;
    --accent: #6cb6ff; --bad: #ff8a80; --good: #6fdd8b; --live: #2f3a47; --shade: 88, 166, 255;
    --c0: #6cb6ff; --c1: #ff9b6b; --c2: #6fdd8b; --c3: #d2a8ff; --c4: #e3c04f; --c5: #5cd5e6;
    --c6: #ff8fc4; --c7: #b3bcc7;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif;
}
header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 36px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 21px; margin: 52px 0 4px; padding-top: 20px; border-top: 1px solid var(--line); }
h3 { font-size: 16px; margin: 34px 0 8px; }
h4 { font-size: 14px; margin: 22px 0 6px; color: var(--quiet); font-weight: 600; }
p { margin: 6px 0; max-width: 76ch; }
.quiet { color: var(--quiet); font-size: 14px; }
.none { color: var(--quiet); }
code { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
nav ul { list-style: none; padding: 0; margin: 12px 0 0; display: flex; flex-wrap: wrap; gap: 6px 18px; }
a { color: var(--accent); }
.warning { border-left: 4px solid var(--c4); background: var(--panel); padding: 8px 14px; margin: 14px 0;
  max-width: none; }
.table { overflow-x: auto; margin: 10px 0 4px; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 8px 12px; font-weight: 600; background: var(--panel);
  border-bottom: 1px solid var(--line); }
th, td { text-align: left; padding: 5px 12px; border-bottom: 1px solid var(--grid); vertical-align: top; }
thead th { color: var(--quiet); font-weight: 600; font-size: 13px; vertical-align: bottom; }
tbody th { font-weight: 600; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
.figure { text-align: right; white-space: nowrap; }
thead .figure { white-space: normal; max-width: 11ch; min-width: 7ch; }
.best { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.site { overflow-wrap: anywhere; min-width: 240px; }
.site small { display: block; color: var(--quiet); font-size: 12px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 8px 32px; }
figure { margin: 10px 0; }
figcaption { font-size: 14px; color: var(--quiet); margin-top: 2px; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--text); }
svg .tick, svg .axis { fill: var(--quiet); }
.grid { stroke: var(--grid); stroke-width: 1; }
.base { stroke: var(--quiet); stroke-width: 1; }
.live { fill: var(--live); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.column { fill: var(--c0); }
.whisker { stroke: var(--text); stroke-width: 1.2; fill: none; }
.mark { stroke: var(--text); stroke-width: 2.5; }
.cut { stroke: var(--back); stroke-width: 2.5; fill: none; }
${colourRules(COLOUR_COUNT)}
.line.d1 { stroke-dasharray: 7 4; } .line.d2 { stroke-dasharray: 2 3; } .bar.d1 { opacity: 0.7; }
.bar.d2 { opacity: 0.5; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 0;
  margin: 6px 0 0; font-size: 14px; }
.legend svg { display: inline-block; width: 26px; height: 10px; vertical-align: middle; margin-right: 7px; }
.keys { columns: 2; column-gap: 40px; font-size: 14px; padding: 0; list-style: none; }
.keys li { break-inside: avoid; margin: 0 0 6px; }
footer { padding: 40px 28px; color: var(--quiet); font-size: 13px; }
@media (max-width: 700px) {
  header, main, footer { padding-left: 16px; padding-right: 16px; }
  .pair { grid-template-columns: 1fr; }
  .keys { columns: 1; }
}
@media print {
  :root {
    color-scheme: light;
    --text: #000000; --quiet: #333333; --back: #ffffff; --panel: #ffffff; --line: #999999; --grid: #cccccc;
    --accent: #000000; --bad: #8b0000; --good: #004d20; --live: #dddddd; --shade: 60, 60, 60;
    --c0: #0b5cad; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; --c4: #a16207; --c5: #0e7490;
    --c6: #be185d; --c7: #4b5563;
  }
  @page { margin: 14mm; }
  body { font-size: 11px; }
  header, main, footer { max-width: none; padding: 0; }
  nav { display: none; }
  .table { overflow: visible; }
  table { font-size: 8.5px; }
  th, td { padding: 2px 3px; }
  thead th { font-size: 8px; } thead .figure { min-width: 0; } .site { min-width: 0; } .site code { font-size: 8.5px; }
  .pair { grid-template-columns: 1fr 1fr; gap: 4px 16px; }
  figure, .table, .warning { break-inside: avoid; }
  h2 { break-before: page; } h2, h3, h4 { break-after: avoid; }
  h2.first { break-before: auto; }
  svg, td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

/** A colour for the line and the bar of each contender. */
function colourRules(count: number): string {
  const rules = (_: unknown, index: number): string =>
    `.line.c${index} { stroke: var(--c${index}); } .bar.c${index} { fill: var(--c${index}); }`;
  return Array.from({ length: count }, rules).join("\n");
}
