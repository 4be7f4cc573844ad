// The page of a contest that is not over keeps itself up to date: its start, and who is where.
"use strict";

const page = location.href.replace(/\/(join|start)$/, ""); // which are there for forms alone, and tell a refusal
let seen = null;
const refresh = async () => {
  const answer = await fetch(page);
  if (!answer.ok) return;
  const told = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = document.getElementById("main");
  const now = told.getElementById("main");
  const live = now.querySelector("script") !== null; // this one: the page has it as long as something can change
  // Nothing is taken from under the hands of who is about to press it.
  if (now.innerHTML !== seen && !main.contains(document.activeElement)) {
    seen = now.innerHTML;
    localize(now);
    main.replaceChildren(...now.childNodes);
    if (!live) clearInterval(watching);
  }
};
const watching = setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, 10000);
