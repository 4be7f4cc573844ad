// What the fields of an answer gain with scripts, in a training and where departments look at a question: putting in
// order and matching by hand.
"use strict";

// A finger that leaves in motion flings, even where nothing scrolls, and the tap that comes next only stops the fling:
// who had dragged quickly pressed "Answer" in vain. A drag that the page takes for itself flings nothing.
const noFling = (dragged) => dragged.addEventListener("touchmove", (event) => event.preventDefault(), { passive: false });

for (const list of document.querySelectorAll("form.answer .orderable")) {
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
      const middle = (one) => { const box = one.getBoundingClientRect(); return box.top + box.height / 2; };
      // A quick finger passes several at once.
      while (item.previousElementSibling && event.clientY < middle(item.previousElementSibling)) move(item, -1);
      while (item.nextElementSibling && event.clientY > middle(item.nextElementSibling)) move(item, 1);
    });
    for (const end of ["pointerup", "pointercancel"]) item.addEventListener(end, () => item.classList.remove("lifted"));
    noFling(item);
  }
}

// Pairs: a card is dragged onto its place, or tapped before or after it. The selects stay, out of sight, and are sent.
for (const cards of document.querySelectorAll("form.answer .cards-to-match")) {
  const form = cards.closest("form");
  const places = [];
  let chosen = null; // the card or the place that waits for its other half
  const choose = (one) => {
    if (chosen) chosen.setAttribute("aria-pressed", "false");
    chosen = chosen === one ? null : one;
    if (chosen) chosen.setAttribute("aria-pressed", "true");
  };
  const show = () => {
    const used = new Set(places.map(({ select }) => select.value));
    for (const item of cards.children) item.classList.toggle("used", used.has(item.dataset.right));
    for (const { select, place } of places) {
      const item = [...cards.children].find((one) => one.dataset.right === select.value);
      place.classList.toggle("empty", !item);
      if (item) place.replaceChildren(...[...item.firstElementChild.childNodes].map((node) => node.cloneNode(true)));
      else place.textContent = select.options[0].textContent;
    }
  };
  const pair = (place, card) => {
    places.find((one) => one.place === place).select.value = card.parentElement.dataset.right;
    if (chosen) choose(chosen);
    show();
  };
  const button = (holds, press) => {
    const made = document.createElement("button");
    made.type = "button";
    made.setAttribute("aria-pressed", "false");
    made.append(...holds);
    made.addEventListener("click", () => press(made));
    return made;
  };
  for (const select of form.querySelectorAll(".pair select")) {
    const place = button([], (pressed) => {
      if (chosen && cards.contains(chosen)) return pair(pressed, chosen);
      if (select.value) { select.value = ""; show(); } else choose(pressed);
    });
    place.className = "place";
    place.setAttribute("aria-describedby", select.id + "-left");
    select.after(place);
    select.hidden = true;
    places.push({ select, place });
  }
  for (const item of cards.children) {
    const card = button(item.childNodes, (pressed) => {
      if (chosen && !cards.contains(chosen)) pair(chosen, pressed); else choose(pressed);
    });
    item.append(card);
    let from = null;
    card.addEventListener("pointerdown", (event) => {
      from = event;
      card.setPointerCapture(event.pointerId);
    });
    card.addEventListener("pointermove", (event) => {
      if (!from || !card.classList.contains("lifted") && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < 8) return;
      card.classList.add("lifted");
      card.style.transform = `translate(${event.clientX - from.clientX}px, ${event.clientY - from.clientY}px)`;
    });
    const end = (event) => {
      const dragged = card.classList.contains("lifted");
      from = null;
      card.classList.remove("lifted");
      card.style.transform = "";
      if (!dragged || event.type === "pointercancel") return;
      const under = document.elementFromPoint(event.clientX, event.clientY);
      const onto = under && under.closest(".pair");
      if (onto && form.contains(onto)) pair(onto.querySelector(".place"), card);
      // What was dragged was not pressed, though a mouse makes a click of it.
      const swallow = (click) => click.stopImmediatePropagation();
      card.addEventListener("click", swallow, { capture: true });
      setTimeout(() => card.removeEventListener("click", swallow, { capture: true }));
    };
    for (const name of ["pointerup", "pointercancel"]) card.addEventListener(name, end);
    noFling(card);
  }
  cards.hidden = false;
  cards.classList.add("by-hand");
  show();
}
