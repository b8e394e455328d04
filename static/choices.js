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

// Offers only the topics whose name, group, categories or keywords hold every typed word.
function narrow(list, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const group of list.querySelectorAll("details")) {
    let here = 0;
    for (const pick of group.querySelectorAll("[data-words]")) {
      const fits = words.every((word) => pick.dataset.words.includes(word));
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
  const chosen = group.querySelectorAll(":checked").length;
  const label = group.querySelector("[data-count]");
  label.textContent = chosen ? `${chosen} chosen` : label.dataset.count;
}

for (const list of document.querySelectorAll("[data-topics]")) {
  const search = list.querySelector("[data-search]");
  for (const kind of ["input", "change"]) search.addEventListener(kind, (event) => event.stopPropagation());
  search.addEventListener("input", () => narrow(list, search.value));
  if (list.closest("details") === null && matchMedia("(min-width: 60rem)").matches) {
    for (const group of list.querySelectorAll("details")) group.open = true;
  }
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // it searches, it does not send the form
  });
  list.addEventListener("change", (event) => {
    const group = event.target.closest("details");
    if (group) count(group);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  if (window.htmx) document.documentElement.classList.add("htmx-is-here");
});
guessZone();
