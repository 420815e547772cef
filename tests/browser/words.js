() => {
  // For a page in Cyrillic: words that a line breaks apart, what runs over, and sentences that are in no Cyrillic.
  // What people wrote is theirs, and a paper speaks the language of the person who takes it along.
  const found = [];
  if (document.documentElement.lang !== "ru") return found;
  const range = document.createRange();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const holder = text.parentElement;
    if (!holder.getClientRects().length || holder.closest("[lang]:not(html), [dir], .away, script, select")) continue;
    for (const word of text.data.matchAll(/[\u0400-\u04ff]{4,}/g)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter((one) => one.width > 0).map((one) => Math.round(one.top)));
      if (lines.size > 1) found.push("broken: " + word[0]);
    }
    const foreign = text.data.match(/[A-Za-z]+(?:[ ’']+[a-z]+){2,}/);
    if (foreign) found.push("not in the page's language: " + foreign[0]);
  }
  for (const one of document.querySelectorAll(".nav li, .chip, th, .button, button"))
    if (one.getClientRects().length && one.scrollWidth > one.clientWidth + 1) found.push("runs over: " + one.textContent.trim());
  return [...new Set(found)];
}
