// Leave quickly, and what is left alone: locked on the server, nothing readable here, what was typed kept.
"use strict";

const leaving = document.querySelector("a.leave");
const { idle, token } = document.body.dataset;
const others = new BroadcastChannel("leave");
const HERE_EVERY = 4 * 60 * 1000;

// What is typed and not sent, for the server to keep.
function typed() {
  const form = document.querySelector("form[data-guard][data-changed]");
  const found = form ? new URLSearchParams(new FormData(form)) : new URLSearchParams();
  found.set("csrf", token);
  // Where the form would have gone: it is offered again on its own page, or else sent from one for all.
  found.set("kept-path", form ? new URL(form.action).pathname : location.pathname + location.search);
  return found;
}

function hide() {
  document.documentElement.hidden = true;
  document.title = "";
}

// Three times Escape within a second; holding it down counts as well.
const pressed = [];
function leave() {
  hide();
  fetch("/lock", { method: "POST", body: typed(), keepalive: true, redirect: "manual" });
  location.replace(leaving.href);
}
if (leaving) {
  const go = () => {
    others.postMessage("leave");
    leave();
  };
  leaving.addEventListener("click", (event) => {
    event.preventDefault();
    go();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    pressed.push(performance.now());
    if (pressed.length >= 3 && pressed.at(-1) - pressed.at(-3) < 1000) go();
  });
  // The same session's other pages must not stay readable.
  others.addEventListener("message", leave);
}

// Unused for as long as the session may be: locked, and this page goes to where it is unlocked.
async function lock() {
  hide();
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/lock";
  for (const [name, value] of typed()) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}
if (idle) {
  let last = Date.now();
  let told = Date.now();
  const note = () => {
    last = Date.now();
    if (last - told < HERE_EVERY) return;
    told = last;
    fetch("/here", { redirect: "manual" });
  };
  for (const kind of ["keydown", "pointerdown", "scroll"]) document.addEventListener(kind, note, { passive: true });
  setInterval(() => {
    if (Date.now() - last >= idle * 1000) lock();
  }, 5000);
}

// A page that the browser held ready for “back” may belong to a session that is locked by now.
window.addEventListener("pageshow", async (event) => {
  if (!event.persisted || !token) return;
  document.documentElement.hidden = true;
  const answer = await fetch("/here", { redirect: "manual" });
  if (answer.ok) document.documentElement.hidden = false;
  else location.reload();
});
