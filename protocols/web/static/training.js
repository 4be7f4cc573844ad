// What a page of a question gains with scripts: options by number keys, a clock that runs.
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
