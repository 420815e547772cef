// Small comforts; every page works without them.
"use strict";

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
  form.addEventListener("input", () => {
    changed = true;
    form.setAttribute("data-changed", "");
  });
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
