// What does not fit: texts over each other, texts cut off or out of their card, and bars thinner than a pixel.
() => {
  const least = 1.5;
  const found = [];
  const seen = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const name = (one) => one.closest("article, section")?.getAttribute("aria-labelledby") ?? one.tagName;
  // The part of a box that is on the page: what scrolls shows only its own window.
  const inSight = (box, one) => {
    for (let outer = one.parentElement; outer; outer = outer.parentElement) {
      if (getComputedStyle(outer).overflowX !== "auto") continue;
      const window = outer.getBoundingClientRect();
      if (box.left < window.left - 1 || box.right > window.right + 1) return false;
    }
    return true;
  };
  const beyond = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (beyond > 0) found.push(`the page is ${beyond} pixels wider than the window`);
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const one = node.parentElement;
    if (!node.data.trim() || !seen(one) || one.closest("script, .skip, .of, #tooltip, .grid tr > :first-child")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of one.closest("svg") ? [one.getBoundingClientRect()] : range.getClientRects()) {
      if (box.width < 1 || !inSight(box, one)) continue;
      texts.push({ box, text: node.data.trim(), one });
      if (one.closest("svg") && node.data.includes("…")) found.push(`${name(one)}: shortened: ${node.data}`);
      for (let outer = one; outer && outer !== document.body; outer = outer.parentElement) {
        const style = getComputedStyle(outer);
        const cuts = style.overflowX === "hidden" || outer.matches("svg, article, .tile, .facts > div");
        const frame = outer.getBoundingClientRect();
        if (cuts && (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2))
          found.push(`${name(one)}: out of its ${outer.tagName}: ${node.data.trim()}`);
        if (outer.matches("article, .tile")) break;
      }
    }
  }
  texts.sort((one, other) => one.box.top - other.box.top);
  texts.forEach(({ box, text, one }, place) => {
    for (const other of texts.slice(place + 1)) {
      if (other.box.top >= box.bottom - least) break;
      const wide = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      const high = Math.min(box.bottom, other.box.bottom) - other.box.top;
      if (wide > least && high > 3 && one !== other.one) found.push(`${name(one)}: over each other: ${text} | ${other.text}`);
    }
  });
  for (const one of document.querySelectorAll(".mark-rect > path, .bars .bar")) {
    const { width, height } = one.getBoundingClientRect();
    // A bar of nothing has no area, and the height of a standing one is its amount.
    if (seen(one) && width * height > 0 && width < 0.99) {
      const label = one.getAttribute("aria-label") ?? one.parentElement.parentElement.textContent;
      found.push(`${name(one)}: ${width.toFixed(2)} by ${height.toFixed(2)} pixels: ${label.trim()}`);
    }
  }
  return found;
}
