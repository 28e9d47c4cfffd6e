// In every page of the site: starts its application when somebody first does something there. A page that is only read
// is whole without it, and its links are links. A button or a key of the search that is pressed before the application
// has come is pressed again when it is there.
(() => {
  const uses = ["click", "keydown", "touchstart", "pointerover", "focusin", "scroll"];
  let press;
  let isStarted = false;

  const isSearchKey = ({ key, ctrlKey, metaKey }) => key === "/" || (key.toLowerCase() === "k" && (ctrlKey || metaKey));

  function pressAgainWhenMounted() {
    if (document.getElementById("app").__vue_app__ === undefined) {
      requestAnimationFrame(pressAgainWhenMounted);
      return;
    }
    for (const use of uses) removeEventListener(use, onUse, true);
    press?.();
  }

  function onUse(event) {
    const { type, target } = event;
    const button = type === "click" ? target.closest("button") : null;
    const isKey = type === "keydown" && isSearchKey(event);
    if (button !== null) press = () => button.click();
    if (isKey) press = () => target.dispatchEvent(new KeyboardEvent(type, event));
    if (button !== null || isKey) event.preventDefault();
    if (isStarted) return;
    isStarted = true;
    import("APPLICATION").then(pressAgainWhenMounted);
  }

  for (const use of uses)
    addEventListener(use, onUse, { capture: true, passive: use === "touchstart" || use === "scroll" });
})();
