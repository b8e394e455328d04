// What pages gain from JavaScript: a switch of the theme, a view that is kept, dots that follow words, and keys.
"use strict";

const root = document.documentElement;
root.classList.add("js");

// The server writes what a cookie keeps into the page (digest/config/web.py), so that nothing flickers.
function keep(name, value) {
  if (value) root.dataset[name] = value;
  else delete root.dataset[name];
  document.cookie = `${name}=${value}; path=/; max-age=${value ? 31536000 : 0}; samesite=lax`;
}

// The theme: as the system, light, dark, and round again

const THEMES = ["", "light", "dark"];

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  const names = button.dataset.names.split("|");
  const place = () => Math.max(0, THEMES.indexOf(root.dataset.theme || ""));
  const say = () => {
    button.setAttribute("aria-label", names[place()]);
    button.title = names[place()];
  };
  button.addEventListener("click", () => {
    keep("theme", THEMES[(place() + 1) % THEMES.length]);
    say();
  });
  say();
  button.hidden = false;
}

// The view of a list, full or compact; without JavaScript its link asks the server for it

for (const link of document.querySelectorAll("[data-view-link]")) {
  const say = () => {
    for (const one of document.querySelectorAll("[data-view-link]")) {
      if (one.dataset.viewLink === (root.dataset.view || "")) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
  };
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    keep("view", link.dataset.viewLink);
    say();
  });
  say();
}

// The dots of a folded abstract, which the style sheet places at the end of its last line, follow the last word.

function gapBeforeDots(abstract) {
  const box = abstract.getBoundingClientRect();
  const lastLine = box.bottom - box.height / 6; // the middle of the third line
  const { width, paddingInlineStart } = getComputedStyle(abstract, "::before");
  const dots = parseFloat(width) + parseFloat(paddingInlineStart);
  const range = document.createRange();
  range.selectNodeContents(abstract);
  const parts = [...range.getClientRects()].filter((part) => part.top < lastLine && lastLine < part.bottom);
  const isLeftwards = getComputedStyle(abstract).direction === "rtl";
  const gaps = parts.map((part) => (isLeftwards ? part.left - box.left : box.right - part.right) - dots);
  return Math.max(0, Math.min(...gaps));
}

const abstracts = new ResizeObserver((entries) => {
  const folded = entries.map((entry) => entry.target).filter((abstract) => abstract.offsetHeight);
  // all are measured before the first is changed, so that the page is laid out once
  const gaps = folded.map(gapBeforeDots);
  folded.forEach((abstract, at) => abstract.style.setProperty("--gap", `${Number.isFinite(gaps[at]) ? gaps[at] : 0}px`));
});
for (const abstract of document.querySelectorAll(".folded > .abstract")) abstracts.observe(abstract);

// Keys: / to search, j and k from paper to paper, o to open one. They can be switched off (WCAG 2.1.4).

const kept = document.cookie.split("; ");
let listens = !kept.includes("keys=off");

for (const toggle of document.querySelectorAll("[data-keys-switch]")) {
  toggle.checked = listens;
  toggle.addEventListener("change", () => {
    listens = toggle.checked;
    keep("keys", listens ? "" : "off");
  });
}

function titles() {
  return [...document.querySelectorAll("[data-paper] :is(h2, h3, h4) a")];
}

function current() {
  return document.activeElement?.closest("[data-paper]")?.querySelector(":is(h2, h3, h4) a") || null;
}

function move(step) {
  const all = titles();
  const place = all.indexOf(current());
  const next = all[place < 0 ? 0 : Math.min(Math.max(place + step, 0), all.length - 1)];
  next?.focus();
  next?.closest("[data-paper]").scrollIntoView({ block: "nearest" });
}

const KEYS = {
  "/": () => document.querySelector("input[type=search][name=q]")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  o: () => current()?.click(),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (!listens || isTyping || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});
