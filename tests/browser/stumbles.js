() => {
  const found = [];
  const shown = (one) => one.getClientRects().length > 0;
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push("id twice: " + id);
  if (document.querySelectorAll("h1").length !== 1) found.push("headings of the page: " + document.querySelectorAll("h1").length);
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!one.labels?.length && !one.getAttribute("aria-label")) found.push("no label: " + one.name);
    if (shown(one) && !["checkbox", "radio"].includes(one.type) && one.getBoundingClientRect().height < 43.5) found.push("low: " + one.name);
  }
  for (const one of document.querySelectorAll("a.button, button, .choice, nav a, summary")) {
    if (shown(one) && one.getBoundingClientRect().height < 43.5 && !one.closest(".small, p")) found.push("small target: " + one.textContent.trim());
  }
  for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const name of ["aria-labelledby", "aria-describedby"])
      for (const id of (one.getAttribute(name) ?? "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) found.push("points nowhere: " + id);
  let level = 0;
  for (const one of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(one.tagName[1]);
    if (next > level + 1) found.push("heading skipped before: " + one.textContent.trim());
    level = next;
  }
  for (const one of document.querySelectorAll("a, button")) if (!one.textContent.trim()) found.push("says nothing: " + one.outerHTML.slice(0, 80));
  const beyond = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (beyond > 0) found.push("wider than the screen by " + beyond);
  return found;
}
