// What forms gain from JavaScript: a search over topics, a first guess at the time zone, and a preview by htmx.
"use strict";

document.documentElement.classList.add("js");

function guessZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || zone === "Etc/Unknown") return;
  for (const field of document.querySelectorAll("[data-guess]")) {
    if (field instanceof HTMLSelectElement && ![...field.options].some((option) => option.value === zone)) {
      field.add(new Option(`${zone.split("/").pop().replaceAll("_", " ")} (${zone})`, zone));
    }
    field.value = zone;
  }
}

// Small letters without accents, as the site's search compares names of topics.
function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

// A word without the s of a plural: a rule of thumb, applied to both sides of a comparison.
function singular(word) {
  if (word.length < 4 || /(ss|us|is)$/.test(word)) return word;
  return word.replace(/ies$/, "y").replace(/(ss|x|ch|sh)es$/, "$1").replace(/s$/, "");
}

// What a topic is found by: its words as written, joined where they have a hyphen, and in the singular.
function findable(text) {
  const folded = fold(text);
  return [folded, folded.replaceAll("-", ""), ...folded.split(/[\s-]+/).map(singular)].join(" ");
}

// Offers only the topics whose names, group, categories or keywords hold every typed word, in the singular or plural.
function narrow(list, typed) {
  const words = fold(typed).split(/[\s-]+/).filter(Boolean);
  let found = 0;
  for (const group of list.querySelectorAll("details")) {
    let here = 0;
    for (const pick of group.querySelectorAll("[data-words]")) {
      const text = findable(pick.dataset.words);
      const fits = words.every((word) => text.includes(word) || text.includes(singular(word)));
      pick.parentElement.hidden = !fits;
      here += fits;
    }
    group.hidden = !here;
    if (words.length && here) group.open = true;
    found += here;
  }
  const none = list.querySelector("[data-none]");
  none.textContent = !words.length ? "" : found ? `${found} ${found === 1 ? "topic" : "topics"} found` :
    "No topic is called that: write it as a keyword below.";
}

function count(group) {
  const chosen = [...group.querySelectorAll(":checked")].map((box) => box.parentElement.textContent.trim());
  const label = group.querySelector("[data-count]");
  label.textContent = chosen.join(", ") || label.dataset.count;
}

for (const list of document.querySelectorAll("[data-topics]")) {
  const search = list.querySelector("[data-search]");
  for (const kind of ["input", "change"]) search.addEventListener(kind, (event) => event.stopPropagation());
  search.addEventListener("input", () => narrow(list, search.value));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // it searches, it does not send the form
  });
  list.addEventListener("change", (event) => {
    const group = event.target.closest("details");
    if (group) count(group);
  });
}

// Days of the week count with "Other days" only.
for (const day of document.querySelectorAll("[name=weekdays]")) {
  day.addEventListener("change", () => {
    const other = document.querySelector("[name=rhythm][value=days]");
    if (other) other.checked = true;
  });
}

// A form whose changes must not be lost: the bar says so, and the browser asks before the page is left.
for (const form of document.querySelectorAll("[data-keep]")) {
  const told = document.querySelector("[data-unsaved]"); // of its bar, or beside its button
  const tell = () => {
    form.dataset.changed = "";
    if (told) told.textContent = told.dataset.unsaved;
  };
  const ask = (event) => {
    if ("changed" in form.dataset) event.preventDefault();
  };
  for (const kind of ["input", "change"]) form.addEventListener(kind, tell);
  form.addEventListener("submit", () => removeEventListener("beforeunload", ask));
  addEventListener("beforeunload", ask);
}

// A link to a folded part opens it, in browsers that do not do so themselves.
function unfold() {
  const part = document.getElementById(location.hash.slice(1));
  for (let one = part; one; one = one.parentElement) if (one instanceof HTMLDetailsElement) one.open = true;
  part?.scrollIntoView();
}
addEventListener("hashchange", unfold);

document.addEventListener("DOMContentLoaded", () => {
  if (window.htmx) document.documentElement.classList.add("htmx-is-here");
});
guessZone();
