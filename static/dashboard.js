// What the dashboard gains from JavaScript: on Today single keys to move and judge by, which can be switched off
// (WCAG 2.1.4); elsewhere a frame for a preview that is shown once there is one.
"use strict";

document.documentElement.classList.add("js");

const SWITCH = "broadsheet.keys";
const toggle = document.getElementById("keys-on");

function areOn() {
  return toggle ? toggle.checked : false;
}

if (toggle) {
  try { toggle.checked = localStorage.getItem(SWITCH) !== "off"; } catch { /* then it holds for this page */ }
  toggle.addEventListener("change", () => {
    try { localStorage.setItem(SWITCH, toggle.checked ? "on" : "off"); } catch { /* as above */ }
  });
}

document.addEventListener("click", (event) => {
  const frame = event.target.closest?.("[formtarget]")?.getAttribute("formtarget");
  if (frame) document.querySelector(`iframe[name="${frame}"]`)?.classList.remove("unused");
});

function papers() {
  return [...document.querySelectorAll("[data-paper]")];
}

function current() {
  return document.activeElement?.closest("[data-paper]") || null;
}

function move(step) {
  const all = papers();
  const place = all.indexOf(current());
  const next = all[place < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(place + step, 0), all.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

// Opens the form of the paper in hand with that verdict ticked; nothing is sent before "Save".
function judge(verdict) {
  const form = (current() || papers()[0])?.querySelector(".judge");
  if (!form) return;
  form.open = true;
  form.querySelector(`[name=verdict][value=${verdict}]`).checked = true;
  form.querySelector(verdict === "boost" ? ".button" : "textarea").focus();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  p: () => judge("pick"),
  b: () => judge("boost"),
  h: () => judge("hide"),
  u: () => current()?.querySelector("[name=take_back]")?.focus(),
  "?": () => document.getElementById("keys-list")?.focus(),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (!areOn() || isTyping || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});
