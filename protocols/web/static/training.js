// What a page of a question gains with scripts: options by number keys, putting in order by hand, a clock that runs.
"use strict";

const form = document.getElementById("response");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "radio" && event.target.type !== "checkbox") return;
  const options = form.querySelectorAll(".option input");
  const option = options[Number(event.key) - 1];
  if (option) {
    option.click();
    option.focus();
  } else if (event.key === "Enter" && event.target.tagName !== "BUTTON" && event.target.tagName !== "A" && event.target.tagName !== "SUMMARY") {
    event.preventDefault();
    form.requestSubmit();
  }
});

// Two quick taps are one answer.
form.addEventListener("submit", () => {
  for (const button of form.querySelectorAll("button")) setTimeout(() => { button.disabled = true; });
});

for (const list of form.querySelectorAll(".orderable")) {
  list.classList.add("by-hand");
  const number = () => [...list.children].forEach((item, place) => { item.querySelector("select").value = String(place + 1); });
  const move = (item, by) => {
    const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    // The item itself stays where it is in the document: taken out, it would lose the finger that holds it.
    if (by < 0) item.after(other); else item.before(other);
    number();
  };
  for (const item of list.children) {
    const label = item.querySelector("label");
    const select = label.querySelector("select");
    select.hidden = true;
    const words = label.querySelector("span");
    item.append(select, words);
    label.remove();
    for (const [sign, by] of [["↑", -1], ["↓", 1]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = sign;
      button.setAttribute("aria-label", sign + " " + words.textContent);
      button.addEventListener("click", () => { move(item, by); button.focus(); });
      item.append(button);
    }
    item.addEventListener("pointerdown", (event) => {
      if (event.target.tagName === "BUTTON") return;
      item.setPointerCapture(event.pointerId);
      item.classList.add("lifted");
    });
    item.addEventListener("pointermove", (event) => {
      if (!item.classList.contains("lifted")) return;
      const [before, after] = [item.previousElementSibling, item.nextElementSibling];
      const middle = (one) => { const box = one.getBoundingClientRect(); return box.top + box.height / 2; };
      if (before && event.clientY < middle(before)) move(item, -1);
      else if (after && event.clientY > middle(after)) move(item, 1);
    });
    for (const end of ["pointerup", "pointercancel"]) item.addEventListener(end, () => item.classList.remove("lifted"));
  }
}

const clock = document.querySelector(".clock");
if (clock) {
  // By the server's clock: the reader's own may be wrong.
  const ahead = Date.now() - Date.parse(clock.dataset.now);
  const end = Date.parse(clock.dataset.deadline) + ahead;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    clock.textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    if (left === 0) { clearInterval(ticking); location.assign("/training"); }
  };
  const ticking = setInterval(tick, 1000);
  tick();
}
