"use strict";
// Tables: sorting, filtering, showing all rows, download as CSV.  Text only by textContent.

const tables = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const SIGNS = { critical: ["Critical", "✕"], warning: ["Warning", "!"], info: ["Info", "i"], success: ["Good", "✓"] };
  const NUMERIC = new Set(["money", "count", "tokens", "ms", "percent", "share", "number", "bytes", "seconds"]);
  // Numbers in columns up to this place are aligned by a class of their table.
  const ALIGNED = 12;
  const collator = new Intl.Collator("en", { numeric: true });

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function valuesOf(column) {
    return column.at ? column.at.map((place) => column.words[place]) : column.values;
  }

  function read(data) {
    return data.columns.map((column) => ({
      label: column.label,
      kind: column.kind,
      places: column.places,
      bar: column.bar,
      dots: column.dots,
      long: column.long,
      by: column.by,
      least: new Set(column.least || []),
      numeric: NUMERIC.has(column.kind),
      values: valuesOf(column),
    })).map((column) => ({ ...column, whole: column }));
  }

  function bar(value, kind) {
    const percent = Math.min(100, Math.max(0, (value || 0) * (kind === "share" ? 100 : 1)));
    const width = Math.floor(percent * 10) / 10;
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("class", "bar");
    drawing.setAttribute("aria-hidden", "true");
    const part = document.createElementNS(SVG, "rect");
    part.setAttribute("width", `${width}%`);
    part.setAttribute("height", "8");
    drawing.append(part);
    return drawing;
  }

  function badge(value) {
    const key = SIGNS[value] ? value : "info";
    const [word, sign] = SIGNS[key];
    const made = element("span", `severity ${key}`);
    const mark = element("span", "sign", sign);
    mark.setAttribute("aria-hidden", "true");
    made.append(mark, word);
    return made;
  }

  // A lower bound: some of the calls have no known cost. One of 0 says nothing.
  function cell(column, value, least, at) {
    const made = element("td", column.numeric ? (at < ALIGNED ? "" : "number") : column.long ? "long" : "");
    if (column.kind === "severity") {
      made.append(badge(value));
      return made;
    }
    const shown = format.column(column.kind, value, column.places);
    const text = !least ? shown : value ? `≥ ${shown}` : "n/a";
    if (column.by && text !== "n/a") {
      if (column.dots && value in column.dots) made.append(element("i", `dot c${column.dots[value]}`));
      const link = element("a", "", text);
      link.href = "explore.html";
      link.dataset.by = column.by;
      place.equip(link);
      made.append(link);
      return made;
    }
    if (column.dots && value in column.dots) made.append(element("i", `dot c${column.dots[value]}`));
    if (column.bar) made.append(bar(value, column.kind), element("span", "", text));
    else made.append(text);
    return made;
  }

  function compare(column, direction) {
    return (a, b) => {
      const [left, right] = [column.values[a], column.values[b]];
      if (left === null || right === null) return (left === null) - (right === null) || a - b;
      const both = typeof left === "number" && typeof right === "number";
      return direction * (both ? left - right : collator.compare(left, right)) || a - b;
    };
  }

  // A spreadsheet would run a text that begins like a formula; an apostrophe stops it.
  function csvCell(column, value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    const text = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  }

  function csv(columns, rows) {
    const lines = [columns.map((column) => csvCell(column, column.label)).join(",")];
    for (const row of rows) {
      lines.push(columns.map((column) => csvCell(column, column.values[row])).join(","));
    }
    return `${lines.join("\r\n")}\r\n`;
  }

  const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40);

  function download(name, text) {
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  class DataTable {
    constructor(root, data, filename) {
      this.columns = read(data);
      this.data = data;
      this.body = root.querySelector("tbody");
      this.heads = [...root.querySelectorAll("thead th:not(.spark)")];
      this.lined = Boolean(root.querySelector("thead .spark"));
      this.line = null;
      this.tools = root.querySelector(".tools");
      this.more = root.querySelector(".more");
      this.order = Array.from({ length: data.rows }, (_, row) => row);
      this.words = "";
      this.all = false;
      this.allowed = null;
      this.sorted = false;
      this.span = "";
      this.declared = this.orderNow();
      this.heads.forEach((head, at) => this.sortable(head, at));
      this.columns.forEach((column, at) => { if (column.by) this.nameLinks(column.by, at); });
      this.addTools(filename);
    }

    // What the links of a column as the page came stand for, so that they lead to that name.
    nameLinks(by, at) {
      for (const row of this.body.rows) for (const link of row.cells[at].querySelectorAll("a")) link.dataset.by = by;
    }

    sortable(head, at) {
      const button = element("button", "", head.textContent);
      button.type = "button";
      button.addEventListener("click", () => this.sort(at));
      head.replaceChildren(button);
    }

    addTools(filename) {
      const search = this.tools.querySelector("input");
      if (search) search.addEventListener("input", () => this.filter(search.value));
      this.tools.querySelector(".download").addEventListener("click", () => {
        download(this.namedAs(filename), csv(this.columns, this.order.filter((row) => this.matches(row))));
      });
      this.tools.hidden = false;
      if (this.more) this.addShowAll();
    }

    // The name of a file of what is shown says which days, which order and that a filter holds.
    namedAs(filename) {
      const order = this.sorted ? this.orderNow() : null;
      const words = [
        this.span, order && `by-${slug(this.columns[order.at].label)}-${order.sign > 0 ? "ascending" : "descending"}`,
        this.words.trim() && `filtered-${slug(this.words)}`,
      ].filter(Boolean);
      return [filename, ...words].join("-") + ".csv";
    }

    addShowAll() {
      this.toggle = element("button", "", "Show all");
      this.toggle.type = "button";
      this.toggle.addEventListener("click", () => {
        this.all = !this.all;
        this.toggle.textContent = this.all ? `Show the first ${this.data.shown}` : "Show all";
        this.draw();
      });
      this.sentence = document.createTextNode(this.more.textContent);
      this.more.replaceChildren(this.sentence, this.toggle);
    }

    sort(at) {
      const head = this.heads[at];
      const before = head.getAttribute("aria-sort");
      let direction = this.columns[at].numeric ? "descending" : "ascending";
      if (before) direction = before === "ascending" ? "descending" : "ascending";
      this.heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      this.sorted = true;
      this.arrange(this.orderNow());
      this.draw();
    }

    // The column that the rows are sorted by and the direction, null where they are in no such order.
    orderNow() {
      const at = this.heads.findIndex((head) => head.getAttribute("aria-sort"));
      return at < 0 ? null : { at, sign: this.heads[at].getAttribute("aria-sort") === "ascending" ? 1 : -1 };
    }

    arrange(order) {
      this.order = Array.from({ length: this.data.rows }, (_, row) => row);
      if (order) this.order.sort(compare(this.columns[order.at], order.sign));
    }

    allowedRows() {
      return Array.from({ length: this.data.rows }, (_, row) => row).filter((row) => !this.allowed || this.allowed(row));
    }

    // The allowed rows in the order that the page came with, or the highest of a column first.
    ranked(highest) {
      const rows = this.allowedRows();
      if (highest !== undefined) return rows.sort(compare(this.columns[highest], -1));
      return this.declared ? rows.sort(compare(this.columns[this.declared.at], this.declared.sign)) : rows;
    }

    // Shows other values in the columns that have some, and the rows that are present; without
    // `made` the table is again as the page came.  Columns that stay behind say so.
    replace(made, keys) {
      this.columns.forEach((column, at) => {
        const behind = made && !made.values[at] && !keys.includes(at);
        // What is not known of a row in the whole period is not known of some days either.
        const other = made && made.values[at] && made.values[at].map((value, row) => (column.whole.values[row] === null ? null : value));
        column.values = other || column.whole.values;
        column.places = other ? format.places(column.kind, other.filter((_, row) => made.present[row])) : column.whole.places;
        column.label = column.whole.label + (behind ? " (whole period)" : "");
        this.heads[at].querySelector("button").textContent = column.label;
      });
      this.allowed = made ? (row) => made.present[row] : null;
      this.arrange(made || this.sorted ? this.orderNow() : null);
      this.draw();
    }

    filter(text) {
      this.words = text.toLowerCase();
      this.draw();
    }

    // Keeps only the rows that the predicate allows (dates in a range); null allows all.
    restrict(predicate) {
      this.allowed = predicate;
      this.draw();
    }

    matches(row) {
      if (this.allowed && !this.allowed(row)) return false;
      if (!this.words) return true;
      const text = this.columns.map((c) => format.column(c.kind, c.values[row], c.places)).join(" ").toLowerCase();
      return this.words.split(/\s+/).every((word) => text.includes(word));
    }

    draw() {
      const found = this.order.filter((row) => this.matches(row));
      const shown = this.all ? found : found.slice(0, this.data.shown);
      this.body.replaceChildren(...shown.map((row) => this.row(row)));
      this.tell(shown.length, found.length);
    }

    row(at) {
      const made = element("tr");
      made.append(...this.columns.map((column, place) => cell(column, column.values[at], column.least.has(at), place)));
      if (this.line) made.append(this.line(at));
      return made;
    }

    tell(shown, found) {
      const filtered = found < this.data.rows;
      const status = this.tools.querySelector(".count");
      status.textContent = filtered ? `${found} of ${this.data.rows} rows` : "";
      if (!this.more) return;
      const left = found - shown;
      const whole = this.data.rows < this.data.total
        ? ` This page holds ${this.data.rows} of ${this.data.total} rows.` : "";
      this.sentence.textContent = (left ? `and ${format.cell("count", left)} more.` : `${format.cell("count", found)} rows.`) + whole;
      this.toggle.hidden = found <= this.data.shown;
    }
  }

  // Returns the tables of the page by name.
  function start(all, report) {
    const made = {};
    for (const [name, data] of Object.entries(all || {})) {
      const root = document.getElementById(`table-${name}`);
      made[name] = new DataTable(root, data, `${report}-${name}`);
    }
    return made;
  }

  return { start };
})();
