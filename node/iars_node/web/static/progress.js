// An import's progress without loading the page again: the stream says that it moved, and this looks how far.
"use strict";

const place = document.querySelector("[data-progress]");
if (place) {
  const FALLBACK = 10000;
  let waiting = 0;
  const look = async () => {
    clearTimeout(waiting);
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      const text = await answer.text();
      const found = new DOMParser().parseFromString(text, "text/html").querySelector("[data-progress]");
      if (answer.redirected || !answer.ok || !found || found.dataset.state !== place.dataset.state) {
        location.reload();
        return;
      }
      place.replaceChildren(...found.childNodes);
    } catch {
      // The line is away for a moment; the next look tells.
    }
    waiting = setTimeout(look, FALLBACK);
  };
  waiting = setTimeout(look, FALLBACK);
  if ("EventSource" in window) {
    const changes = new EventSource(place.dataset.progress);
    changes.addEventListener("changed", look);
    window.addEventListener("pagehide", () => { changes.close(); });
  }
}
