// The progress of a mass message, as the server tells it; the page is loaded anew when its buttons change.
"use strict";

const progress = document.getElementById("progress");

if (progress.dataset.stream) {
  const events = new EventSource(progress.dataset.stream);
  const refresh = document.getElementById("refresh");
  if (refresh) refresh.hidden = true;
  events.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    if (told.state !== progress.dataset.state) {
      events.close();
      location.reload();
      return;
    }
    const done = told.recipients - told.left;
    const figures = {
      eta: told.eta ? written.format(new Date(told.eta)) : "–",
      sent: told.sent, pressed: told.pressed, left: told.left, blocked: told.blocked, failed: told.failed,
      rate: (told.rate ?? 0).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 }),
      percent: (told.recipients ? done / told.recipients : 1).toLocaleString(document.documentElement.lang, { style: "percent" }),
    };
    for (const [name, value] of Object.entries(figures)) {
      const place = progress.querySelector(`[data-figure=${name}]`);
      if (place) place.textContent = value;
    }
    const bar = progress.querySelector("progress");
    if (bar) { bar.max = Math.max(told.recipients, 1); bar.value = done; }
    for (const words of progress.querySelectorAll("[data-waiting]")) words.hidden = words.dataset.waiting !== told.waiting;
  });
}
