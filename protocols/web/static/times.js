// Times as the reader's own clock has them; without scripts they are in the zone of the service, and say so.
"use strict";

const written = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" });
const localize = (within) => { for (const time of within.querySelectorAll("time")) time.textContent = written.format(new Date(time.dateTime)); };
localize(document);

// A time that is filled in is the writer's own, too: beside it the moment itself is sent.
for (const input of document.querySelectorAll("input[type=datetime-local]")) {
  const moment = document.createElement("input");
  moment.type = "hidden";
  moment.name = input.name + "_moment";
  input.after(moment);
  input.labels[0].querySelector(".zone").textContent = "";
  if (input.dataset.moment) {
    const kept = new Date(input.dataset.moment);
    input.value = new Date(kept - kept.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }
  const tell = () => { moment.value = input.value ? new Date(input.value).toISOString() : ""; };
  input.addEventListener("change", tell);
  input.form.addEventListener("submit", tell);
}
