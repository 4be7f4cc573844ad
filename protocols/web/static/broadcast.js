// What the page of a new mass message gains with scripts: it shows what they will see while it is written.
"use strict";

const form = document.getElementById("compose");
const look = document.getElementById("look");
const picture = document.getElementById("picture");
let waiting = 0;
let asked = 0;

const refresh = async () => {
  const fields = new FormData(form);
  fields.delete("image");
  fields.set("fragment", "yes");
  const mine = ++asked;
  const answer = await fetch("/admin/broadcasts/look", { method: "POST", body: new URLSearchParams(fields) });
  // The texts in it are escaped where it is made; an older answer does not replace a newer one.
  if (answer.ok && mine === asked) look.innerHTML = await answer.text();
};

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { refresh().catch(() => {}); }, 300);
});

form.elements.image.addEventListener("change", () => {
  const [file] = form.elements.image.files;
  picture.hidden = !file;
  if (!file) return;
  const reader = new FileReader();
  reader.addEventListener("load", () => { picture.src = reader.result; });
  reader.readAsDataURL(file);
});
