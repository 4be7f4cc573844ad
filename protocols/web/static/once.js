// Two quick taps send a form once: over a slow network the second would do everything once more.
"use strict";

let sent = new WeakSet();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  sent.add(form);
  setTimeout(() => sent.delete(form), 10000); // the network may have lost it
});
addEventListener("pageshow", () => { sent = new WeakSet(); }); // come back to, it may be sent anew
