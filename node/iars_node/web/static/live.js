// Live lists: the stream says only that something changed. What is being read never moves by itself.
"use strict";

const notice = document.querySelector("[data-live]");
if (notice && "EventSource" in window) {
  const changes = new EventSource(notice.dataset.live);
  changes.addEventListener("changed", () => { notice.hidden = false; });
  // While nobody looks, no line is kept open; what happened meanwhile is said on coming back.
  window.addEventListener("pagehide", () => { changes.close(); });
}
