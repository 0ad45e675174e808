// What a person would see wrong in a page: text that is cut off or on other text, and a page wider than the window.
// Then sorts every table by every heading and looks at the order.
addEventListener("load", () => {
  const findings = [];
  const seen = element => element.checkVisibility();
  const name = element => JSON.stringify(element.lastChild.textContent);
  if (document.documentElement.scrollWidth > innerWidth)
    findings.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const box of document.querySelectorAll(".scroll, .card, h1, h2, h3, p, figcaption"))
    if (seen(box) && box.scrollWidth > box.clientWidth + 1) findings.push(`cut off: ${box.textContent.trim().slice(0, 60)}`);
  let pictures = 0;
  for (const svg of [...document.querySelectorAll("svg")].filter(seen)) {
    pictures += 1;
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].map(text => [text, text.getBoundingClientRect()]);
    texts.forEach(([text, a], i) => {
      if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
        findings.push(`${svg.ariaLabel}: cut off: ${name(text)}`);
      for (const [other, b] of texts.slice(i + 1))
        // Boxes of text are higher than its letters.
        if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 5 && b.top < a.bottom - 5)
          findings.push(`${svg.ariaLabel}: ${name(text)} on ${name(other)}`);
    });
  }
  let sorted = 0;
  for (const table of document.querySelectorAll("table.sortable"))
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      for (let turn = 0; turn < 2; turn += 1) {
        head.querySelector("button").click();
        const keys = [...table.tBodies[0].rows].map(row => row.cells[column].dataset.v);
        const sign = head.getAttribute("aria-sort") === "ascending" ? 1 : -1;
        const wrong = keys.slice(1).some((key, i) =>
          sign * (isNaN(key) || isNaN(keys[i]) ? key.localeCompare(keys[i]) : key - keys[i]) < 0);
        if (wrong) findings.push(`not sorted by ${head.textContent}: ${keys}`);
        sorted += 1;
      }
    });
  const text = getComputedStyle(document.body);
  const report = document.createElement("pre");
  report.id = "findings";
  report.textContent = JSON.stringify({ width: innerWidth, pictures, sorted, color: text.color, background: text.backgroundColor, findings });
  parent.document.body.append(report);
});
