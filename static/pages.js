// What pages gain from JavaScript: a switch of the theme, a view that is kept, and keys.
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
