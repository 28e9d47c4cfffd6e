import "../element/index.ts";

/** Browsers let a page change its address some ten times a second, and no more. */
const EVERY_MS = 250;

const inspector = document.querySelector("kmem-inspector")!;
let writtenMs = Number.NEGATIVE_INFINITY;
let isDue = false;

/** What a link says that is to be shown. */
function stateOfLink(): Readonly<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

function writeLink(): void {
  isDue = false;
  writtenMs = performance.now();
  history.replaceState(undefined, "", `#${new URLSearchParams(inspector.state)}`);
}

inspector.state = stateOfLink();
inspector.addEventListener("statechange", () => {
  if (isDue) return;
  isDue = true;
  setTimeout(writeLink, Math.max(0, writtenMs + EVERY_MS - performance.now()));
});
globalThis.addEventListener("hashchange", () => {
  inspector.state = stateOfLink();
});
