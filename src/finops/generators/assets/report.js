"use strict";
// Brings a page to life.  Without this script every figure is still there as text.

(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const root = document.documentElement;
  const MOST_PRINTED = 31;

  let headings = [];

  // A heading that is repeated on the next sheet loses its button, not its text.
  function plainHeadings() {
    headings = [...document.querySelectorAll("thead th button")].map((button) => [button, document.createTextNode(button.textContent)]);
    for (const [button, text] of headings) button.replaceWith(text);
  }

  // The numbers of a chart over more than a month would fill sheets.
  const fills = (details) => details.closest(".chart") && details.querySelectorAll("tbody tr").length > MOST_PRINTED;

  // On paper everything is light, and disclosures are open.
  function onPaper() {
    root.classList.add("paper");
    plainHeadings();
    for (const one of document.querySelectorAll("main details:not([open])")) {
      if (fills(one)) continue;
      one.open = true;
      one.dataset.closed = "";
    }
    charts.redraw();
  }

  function onScreen() {
    root.classList.remove("paper");
    for (const [button, text] of headings.splice(0)) text.replaceWith(button);
    for (const one of document.querySelectorAll("details[data-closed]")) {
      one.open = false;
      delete one.dataset.closed;
    }
    charts.redraw();
  }

  ranges.start(page, tables.start(page.tables, page.report));
  place.start(() => charts.redraw());
  charts.start(page.charts);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.redraw());
  addEventListener("beforeprint", onPaper);
  addEventListener("afterprint", onScreen);
})();
