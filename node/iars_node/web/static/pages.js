// Small comforts; every page works without them.
"use strict";

// Leave quickly: three times Escape within two seconds. Nothing of the page stays behind "back".
const leaving = document.querySelector("a.leave");
const pressed = [];
function leave() {
  document.documentElement.hidden = true;
  document.title = "";
  location.replace(leaving.href);
}
if (leaving) {
  leaving.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const now = performance.now();
    pressed.push(now);
    if (pressed.filter((at) => now - at < 2000).length >= 3) leave();
  });
}

// The key / goes to the search.
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  const search = document.querySelector("[data-search]");
  if (event.key === "/" && !isTyping && search && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
});

// What was typed is not lost by a wrong click, and a form is sent once.
for (const form of document.querySelectorAll("form[data-guard]")) {
  let changed = form.hasAttribute("data-changed");
  let sent = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (changed && !sent && !document.documentElement.hidden) event.preventDefault();
  });
  window.addEventListener("pageshow", () => { sent = false; });
}

// After a mistake, the summary is where reading goes on.
document.querySelector("[data-focus]")?.focus();
