/** Has the page show what lives at an address: the map moves there, where it is to be found. */
export function goTo(view: EventTarget, address: number, isToBeFound = true): void {
  view.dispatchEvent(new CustomEvent("go", { detail: { address, isToBeFound } }));
}
