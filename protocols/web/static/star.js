// What a star gains with scripts: it is lit in place, and what was filled in or opened on the page stays.
"use strict";

for (const star of document.querySelectorAll("form.star")) {
  const keep = star.elements.favorite;
  star.addEventListener("submit", async (event) => {
    event.preventDefault();
    const kept = keep.value === "yes"; // as this press wants it: a quick second one, sent before the answer, wants the same
    const sent = { method: "POST", body: new URLSearchParams(new FormData(star)), redirect: "manual" };
    const answer = await fetch(star.action, sent).catch(() => null);
    if (!answer || answer.type !== "opaqueredirect") return star.submit(); // which tells what is wrong
    star.classList.toggle("lit", kept);
    keep.value = kept ? "no" : "yes";
  });
}
