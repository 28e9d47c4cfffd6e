import "../element/index.ts";

const inspector = document.querySelector("kmem-inspector")!;

/** What a link says that is to be shown. */
function stateOfLink(): Readonly<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

inspector.state = stateOfLink();
inspector.addEventListener("statechange", () => {
  history.replaceState(undefined, "", `#${new URLSearchParams(inspector.state)}`);
});
globalThis.addEventListener("hashchange", () => {
  inspector.state = stateOfLink();
});
