"use strict";
// Choosing dates: recomputes cards, cuts charts and tables, marks what covers everything.

const ranges = (() => {
  const { DAY, later } = sums;
  const find = (id) => document.getElementById(id);
  const MOST_MOMENTS = 250;
  const MOST_POINTS = 1000;
  let page;
  let days;
  let made;
  let stored;
  let whole;
  // The first and the last day that the data covers in whole.
  let full;

  const length = (range) => (Date.parse(range.to) - Date.parse(range.from)) / DAY + 1;
  const within = (range, day) => day >= range.from && day <= range.to;

  // The range that an address names, null where it names none.
  function parse(hash) {
    const words = new URLSearchParams(hash.slice(1));
    const text = words.get("range") || "";
    // An address of a place on the page, such as that of the skip link, says nothing of dates.
    if (!text) return !hash || hash.includes("=") ? whole : null;
    if (text === "all") return whole;
    if (/^\d{1,4}$/.test(text) && Number(text) > 0) return { from: later(full.to, 1 - Number(text)), to: full.to };
    const found = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(text);
    if (!found || !(Date.parse(found[1]) <= Date.parse(found[2]))) return null;
    return { from: found[1], to: found[2] };
  }

  function span(range) {
    const years = format.years(days.dates);
    return `${format.day(range.from, years)} to ${format.day(range.to, years)}`;
  }

  // The sum as far as it is known; null where it is not known of any of the days.
  function sum(measure, range) {
    const values = days.measures[measure].filter((_, at) => within(range, days.dates[at]));
    const known = values.filter((value) => value !== null);
    return values.length && !known.length ? null : known.reduce((a, b) => a + b, 0);
  }

  // The change of the mean of the last days with calls against that of those before them, null without these.
  function trend(measure, range, recent) {
    const values = days.measures[measure].filter((_, at) => within(range, days.dates[at]));
    const mean = (some) => (some.length ? some.reduce((a, b) => a + b, 0) / some.length : 0);
    const [now, then] = [mean(values.slice(-recent)), mean(values.slice(0, -recent))];
    return then ? ((now - then) / then) * 100 : null;
  }

  function figure(over, range) {
    const [measure, how] = over;
    if (how === "percentile") return stored.windows[measure].percentile(range);
    const total = sum(measure, range);
    if (how === "sum" || total === null) return total;
    if (how === "mean") {
      const active = days.dates.filter((day) => within(range, day)).length;
      return active ? total / active : null;
    }
    const [operation, other] = how.split(":");
    if (operation === "trend") return trend(measure, range, Number(other));
    const divisor = sum(other, range);
    // Credits may exceed the cost: that is no price.
    return total >= 0 && divisor > 0 ? (total / divisor) * sums.FACTORS[operation] : null;
  }

  // The days before, as many as in the range; null where the data does not hold all of them in whole.
  function before(range) {
    const earlier = { from: later(range.from, -length(range)), to: later(range.from, -1) };
    return earlier.from >= full.from ? earlier : null;
  }

  // Against the range before: in percent, or in points where the figure is a percentage itself.
  function change({ over, kind }, range) {
    const earlier = before(range);
    if (!earlier) return "no earlier days to compare with";
    const [now, then] = [figure(over, range), figure(over, earlier)];
    const against = `the ${length(range)} days before`;
    if (then === null || now === null) return `nothing to compare with in ${against}`;
    if (over[1].startsWith("trend")) return `${format.cell(kind, then)} in ${against}`;
    const share = kind === "percent" || kind === "share";
    if (!share && !then) return `${format.readable(kind, then)} in ${against}`;
    const amount = share ? (now - then) * (kind === "share" ? 100 : 1) : ((now - then) / Math.abs(then)) * 100;
    const text = share ? `${format.cell("percent", amount).replace("%", "")} points` : format.cell("percent", amount);
    const sign = !/[1-9]/.test(text) ? "" : amount > 0 ? "▲ +" : "▼ ";
    return `${sign}${text} against ${against}`;
  }

  function note(root, text, element = root.matches(".card") ? "dd" : "p") {
    let line = root.querySelector(":scope > .covers");
    if (!line) {
      line = document.createElement(element);
      line.className = "covers";
      root.append(line);
    }
    line.textContent = text;
    line.hidden = !text;
  }

  function showCard(id, card, range) {
    const root = find(id);
    const value = root.querySelector(".figure");
    const remark = root.querySelector(".note");
    if (remark) remark.hidden = range !== whole;
    if (!card.saved) card.saved = { nodes: [...value.childNodes], title: value.title };
    if (range === whole) {
      value.replaceChildren(...card.saved.nodes);
      value.title = card.saved.title;
      return note(root, "");
    }
    const sum = figure(card.over, range);
    const number = card.least && !sum ? null : sum; // a lower bound of 0 says nothing
    const [text, unit] = format.readable(card.kind, number).split(/ (?=tokens$)/);
    const shown = card.least && number !== null ? `≥ ${text}` : text;
    value.textContent = unit ? `${shown} ` : shown;
    if (unit) value.append(Object.assign(document.createElement("small"), { textContent: unit }));
    value.title = number === null ? "not known" : String(number);
    const window = card.over[1] === "percentile" && stored.windows[card.over[0]];
    return note(root, window && window.step > 1 ? coverage(window, range) : change(card, range));
  }

  const dated = (data) => data.x.kind === "date" && data.labels.every((label) => /^\d{4}-\d\d-\d\d/.test(label));

  // Every day of a range that the data covers, those without a call too.
  function calendar(range) {
    const last = range.to < whole.to ? range.to : whole.to;
    const made = [];
    for (let day = range.from > whole.from ? range.from : whole.from; day <= last; day = later(day, 1)) made.push(day);
    return made;
  }

  // The days of a chart one by one, null where a line has no sum by day or there are too many.
  function daily(data, range) {
    if (data.series.some((one) => !one.over && !constant(one))) return null;
    const shown = calendar(range);
    if (shown.length * data.series.length > MOST_POINTS || shown.length > MOST_MOMENTS) return null;
    const value = (one, day) => (one.over ? figure(one.over, { from: day, to: day }) : one.values[0]);
    return { ...data, end: shown[shown.length - 1], labels: shown, series: data.series.map((one) => ({ ...one, values: shown.map((day) => value(one, day)) })) };
  }

  // The last day that points over several days from these labels on stand for.
  function lastDay(data, labels) {
    const last = later(labels[labels.length - 1], data.width - 1);
    return last < whole.to ? last : whole.to;
  }

  const constant = (one) => one.style === "dashed" && one.values.every((value) => value === one.values[0]);

  function cut(data, range) {
    const every = data.width ? daily(data, range) : null;
    if (every) return every;
    const kept = data.labels.map((label, at) => at).filter((at) => within(range, data.labels[at].slice(0, 10)));
    const pick = (values) => kept.map((at) => values[at]);
    const labels = pick(data.labels);
    const end = data.width && labels.length ? lastDay(data, labels) : undefined;
    return { ...data, end, labels, series: data.series.map((one) => ({ ...one, values: pick(one.values) })) };
  }

  // The chart's rows from its table, which has been recomputed before.
  function followed(data) {
    const { table, label, values, most, colours, groups, highest, split } = data.follows;
    if (split !== undefined) return divided(data, made[table]);
    const rows = made[table].ranked(highest).slice(0, most);
    const pick = (at) => rows.map((row) => made[table].columns[at].values[row]);
    const series = data.series.map((one, at) => ({ ...one, values: pick(values[at]) }));
    const drawn = { ...data, labels: pick(label), series };
    if (colours) drawn.colours = rows.map((row) => colours[row]);
    if (groups) drawn.groups = rows.map((row) => groups[row]);
    return drawn;
  }

  // A chart with a row of the table for each label and series.
  function divided(data, table) {
    const { label, split, values } = data.follows;
    const cell = (at, row) => table.columns[at].values[row];
    const rows = table.ranked();
    const labels = data.labels.filter((name) => rows.some((row) => cell(label, row) === name));
    const series = data.series.filter((one) => rows.some((row) => cell(split, row) === one.label));
    const value = (one, name) => {
      const row = rows.find((at) => cell(label, at) === name && cell(split, at) === one.label);
      return row === undefined ? null : cell(values[0], row);
    };
    return { ...data, labels, series: series.map((one) => ({ ...one, values: labels.map((name) => value(one, name)) })) };
  }

  const source = (table) => (table && table.data.follows ? stored.sums[table.data.follows.sums] : null);

  // Whether a chart has a table that follows, with all the columns that it draws.
  function follows(data) {
    const table = data.follows && made[data.follows.table];
    return Boolean(source(table)) && data.follows.values.every((at) => table.data.follows.over[at]);
  }

  function inRange(data, range) {
    if (range === whole) return data;
    if (follows(data)) return followed(data);
    return dated(data) ? cut(data, range) : data;
  }

  // Says of a line of points over several days each which days these are.
  function points(data, range) {
    const drawn = data.width && !daily(data, range) ? cut(data, range).labels : [];
    if (!drawn.length) return coverage(null, range);
    return `${span({ from: drawn[0], to: lastDay(data, drawn) })}.`;
  }

  // The numbers under a chart.
  function showNumbers(body, data, range) {
    if (!body.saved) body.saved = [...body.children];
    if (range === whole) return body.replaceChildren(...body.saved);
    const kinds = data.shape === "scatter" ? [data.x.kind, data.y.kind] : data.series.map(() => data.y.kind);
    const together = data.series.flatMap((one) => one.values);
    const places = data.series.map((one, n) => format.places(kinds[n], data.shape === "scatter" ? one.values : together));
    const shown = (n, value) => (value === null ? "" : format.column(kinds[n], value, places[n]));
    const cell = (name, className, text) => Object.assign(document.createElement(name), { className, textContent: text });
    return body.replaceChildren(...data.labels.map((label, at) => {
      const row = document.createElement("tr");
      row.append(Object.assign(cell("th", "", label), { scope: "row" }));
      row.append(...data.series.map((one, n) => cell("td", "", shown(n, one.values[at]))));
      return row;
    }));
  }

  function showCharts(range) {
    charts.change((data) => inRange(data, range), range !== whole);
    for (const [name, data] of Object.entries(page.charts || {})) {
      const root = find(`chart-${name}`);
      const moves = follows(data) || dated(data);
      note(root, range === whole ? "" : !moves ? "Whole period." : follows(data) ? coverage(source(made[data.follows.table]), range) : points(data, range));
      if (moves) showNumbers(root.querySelector("tbody"), inRange(data, range), range);
    }
  }

  // Says which days a table or chart covers.
  function coverage(from, range) {
    if (!from || from.step === 1) return `${span(range)}.`;
    const wide = from.covers(range);
    return `${span({ from: wide.from > whole.from ? wide.from : whole.from, to: wide.to })}: ${from.step} days are counted together here.`;
  }

  // The lines at the end of a table's rows show the days of the range.
  function drawLines(table, from, range) {
    const [first, after] = table.data.spark.bins;
    const [start, end] = range === whole ? [first, after] : from.within(range);
    const bins = [Math.max(first, start), Math.min(after, end)];
    table.line = (row) => sparklines.cell(from, table.data, row, bins);
  }

  function showTables(range) {
    for (const [name, table] of Object.entries(made)) {
      const at = table.columns.findIndex((column) => column.kind === "date");
      const from = source(table);
      if (table.lined) drawLines(table, from, range);
      table.span = range !== whole && (from || at >= 0) ? `${range.from}-to-${range.to}` : "";
      if (from) table.replace(range === whole ? null : sums.recompute(from, table.data, range), table.data.follows.keys);
      else if (at >= 0) table.restrict(range === whole ? null : (row) => within(range, String(table.columns[at].values[row]).slice(0, 10)));
      note(find(`table-${name}`), range === whole ? "" : from || at >= 0 ? coverage(from, range) : "Whole period.");
    }
  }

  function showControls(range, hash) {
    const named = new URLSearchParams(hash.slice(1)).get("range") || "all";
    for (const button of find("range").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.id === `range-${named}`));
    }
    find("range-from").value = range.from;
    find("range-to").value = range.to;
    const chosen = find("range").querySelector(".chosen");
    const text = `${span(range)}, ${length(range)} days`;
    chosen.textContent = range === whole ? "" : `Showing ${text}. Sections marked “Whole period” do not follow.`;
  }

  function show() {
    const range = parse(location.hash);
    if (!range) return;
    for (const [id, card] of Object.entries(page.cards || {})) showCard(id, card, range);
    for (const card of document.querySelectorAll(".card")) {
      if (!(page.cards || {})[card.id]) note(card, range === whole ? "" : "whole period");
    }
    for (const list of document.querySelectorAll(".alerts, .recommendations, .value, .section > .plain")) {
      note(list.closest(".section"), range === whole ? "" : "Whole period.");
    }
    for (const lead of document.querySelectorAll(".section > .lead")) {
      if (/\d/.test(lead.textContent)) note(lead, range === whole ? "" : " Whole period.", "span");
    }
    showTables(range);
    showCharts(range);
    showControls(range, location.hash);
  }

  function choose(text) {
    wrong("");
    location.replace(`#${place.changed({ range: text === "all" ? null : text })}`);
  }

  function chooseDates() {
    const [from, to] = [find("range-from"), find("range-to")];
    if (!from.value || !to.value) wrong("Give both dates.", from.value ? to : from);
    else if (from.value > to.value) wrong("The first date is after the last.", to);
    else choose(`${from.value}..${to.value}`);
  }

  // Says beside the dates what is wrong with one of them, "" for nothing.
  function wrong(sentence, field) {
    find("range-wrong").textContent = sentence;
    for (const each of [find("range-from"), find("range-to")]) {
      if (each === field) each.setAttribute("aria-invalid", "true");
      else each.removeAttribute("aria-invalid");
    }
  }

  // `tables` are the page's tables by name.  A page without days has nothing to choose.
  function start(all, tables) {
    if (!all.ranged) return;
    page = all;
    made = tables;
    days = sums.days(all.ranged);
    whole = { from: days.dates[0], to: days.dates[days.dates.length - 1] };
    const [from, to] = all.ranged.whole || [whole.from, whole.to];
    full = { from, to };
    stored = sums.start(all, whole.to);
    const form = find("range");
    form.hidden = false;
    for (const id of ["range-from", "range-to"]) {
      Object.assign(find(id), { min: whole.from, max: whole.to });
      find(id).addEventListener("change", chooseDates);
    }
    for (const button of form.querySelectorAll("button")) {
      button.addEventListener("click", () => choose(button.id.replace("range-", "")));
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("hashchange", show);
    showControls(whole, "");
    show();
  }

  return { start };
})();
