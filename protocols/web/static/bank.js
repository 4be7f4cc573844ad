// Bank files: dropped onto the page, refused before they are sent where they are too large, and watched while examined.
"use strict";

for (const form of document.querySelectorAll("form.upload")) {
  const input = form.querySelector("input[type=file]");
  const area = form.querySelector(".drop");
  const problem = form.querySelector(".problem");
  const small = () => {
    const large = [...input.files].some((file) => file.size > Number(form.dataset.limit));
    problem.textContent = large ? form.dataset.tooLarge : "";
    problem.hidden = !large;
    return !large;
  };
  input.addEventListener("change", small);
  form.addEventListener("submit", (event) => { if (!small()) event.preventDefault(); });
  for (const name of ["dragenter", "dragover"]) area.addEventListener(name, (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    if (small()) form.requestSubmit();
  });
}

const checking = document.getElementById("checking");
if (checking) {
  const bar = checking.querySelector("progress");
  const count = (number) => number.toLocaleString(document.documentElement.lang);
  const look = async () => {
    try {
      const answer = await fetch(checking.dataset.state);
      if (!answer.ok) return location.reload();
      const told = await answer.json();
      if (!told.busy) return location.reload();
      const words = checking.querySelector("[role=status]");
      if (words.textContent !== told.stage) words.textContent = told.stage;
      if (told.total) {
        bar.max = told.total;
        bar.value = told.done;
      } else {
        bar.removeAttribute("value");
      }
      checking.querySelector(".count").textContent = told.total ? count(told.done) + " / " + count(told.total) : "";
    } catch {
      // The service may be starting anew: ask again.
    }
    setTimeout(look, 400);
  };
  look();
}
