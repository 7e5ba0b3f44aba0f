"use strict";
// The Explore page: filters in the address, and what they leave in figures, a chart and lists.

(() => {
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const find = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const HEIGHT = 180; // as svg.py draws it
  const STACKED = 7;
  const MOST_BARS = 120;
  const MOST_EVENTS = 16; // as event_marks.py marks them
  const LEAST_GAP = 0.04;
  const NARROW_GAP = 0.1;
  const DIGIT_PX = 7;
  const NARROW_PX = 240;
  const SHOWN = 10;
  const OFFERED = 30;
  const TITLES = { provider: "Provider", model: "Model", customer: "Customer", organization: "Organization", product: "Product", feature: "Feature", environment: "Environment" };
  const open = new Set();
  let store;
  let answer;

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function shape(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const usd = (amount) => format.readable("money", amount / store.unit);
  const signed = (amount) => (amount > 0 ? "+" : "") + usd(amount);

  // --- what the address says ---

  const DATE = /^\d{4}-\d\d-\d\d$/;

  // The days that the address names: from and to, or the range that came from another page.
  function daysIn(words) {
    const text = words.get("range") || "";
    const [first, last] = [store.buckets[0].first, store.buckets[store.buckets.length - 1].last];
    if (/^\d{1,4}$/.test(text) && Number(text) > 0) return { from: cube.later(last, 1 - Number(text)), to: last };
    const found = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(text);
    if (found && found[1] <= found[2]) return { from: found[1], to: found[2] };
    return { from: first, to: last, whole: true };
  }

  function filtersIn(words) {
    return Object.fromEntries(cube.DIMENSIONS.map((name) => [name, words.getAll(name)]).filter(([, names]) => names.length));
  }

  function choose(changes) {
    location.hash = place.changed(changes);
  }

  function toggle(dimension, name) {
    const names = place.read().getAll(dimension);
    choose({ [dimension]: names.includes(name) ? names.filter((each) => each !== name) : [...names, name] });
  }

  // --- figures ---

  function against(now, then) {
    if (!answer.then) return "";
    if (!then) return "nothing in the days before";
    const share = format.cell("percent", ((now - then) / Math.abs(then)) * 100);
    const sign = !/[1-9]/.test(share) ? "" : now > then ? "▲ +" : "▼ ";
    return `${sign}${share} against the ${answer.earlier.days} days before`;
  }

  function figure(id, kind, value, then, least = false) {
    // A lower bound of 0 says nothing.
    const known = value !== null && Number.isFinite(value) && !(least && !value);
    const text = format.readable(kind, known ? value : null);
    const [number, unit] = text.split(/ (?=tokens$)/);
    const shown = least && known ? `≥ ${number}` : number;
    find(id).querySelector(".figure").replaceChildren(unit ? `${shown} ` : shown, ...(unit ? [element("small", "", unit)] : []));
    find(id).querySelector(".figure").title = known ? String(value) : "not known";
    find(id).querySelector(".note").textContent = known && then !== undefined && answer.then ? against(value, then) : "";
  }

  function showFigures(hidden) {
    const { now, then } = answer;
    const of = (sums, get) => (sums && !hidden ? get(sums) : null);
    const ratio = (sums, above, below) => of(sums, (all) => (all[below] ? all[above] / all[below] : null));
    const tokens = (sums) => sums.input + sums.output;
    // Of rows that do not say for how many calls they stand, the number is unknown and not 0.
    const calls = (sums) => (sums.uncounted && !sums.calls ? null : sums.calls);
    const judged = (sums) => sums.calls - sums.unknown_status;
    figure("explore-cost", "money", of(now, (sums) => sums.cost / store.unit), of(then, (sums) => sums.cost / store.unit), now.unpriced > 0);
    figure("explore-calls", "count", of(now, calls), then && calls(then) !== null ? of(then, calls) : undefined, now.uncounted > 0);
    figure("explore-tokens", "tokens", of(now, tokens), of(then, tokens));
    figure("explore-cached", "share", store.caches ? ratio(now, "read", "input") : null, undefined, !store.data.cache_is_known);
    figure("explore-errors", "share", of(now, (sums) => (judged(sums) ? sums.errors / judged(sums) : null)));
    // Credits may exceed the cost: that is no price.
    const each = (sums) => (sums.calls && sums.cost >= 0 && !sums.unpriced && !sums.uncounted ? sums.cost / store.unit / sums.calls : null);
    figure("explore-per-call", "money", of(now, each), then && each(then) !== null ? of(then, each) : undefined);
  }

  // --- filters ---

  function showChips(filters) {
    const chips = Object.entries(filters).flatMap(([dimension, names]) => names.map((name) => {
      const value = store.values[dimension][cube.places(store, dimension, name)[0]];
      const chip = element("button", "chip", `${TITLES[dimension]}: ${value ? value.shown : name} ×`);
      chip.type = "button";
      chip.dataset.key = `chip ${dimension} ${name}`;
      chip.setAttribute("aria-label", `Remove the filter ${TITLES[dimension]}: ${value ? value.shown : name}`);
      chip.addEventListener("click", () => toggle(dimension, name));
      return chip;
    }));
    if (chips.length) {
      const clear = element("button", "chip", "Clear all filters");
      clear.type = "button";
      clear.dataset.key = "clear";
      clear.addEventListener("click", () => choose(Object.fromEntries(cube.DIMENSIONS.map((name) => [name, null]))));
      chips.push(clear);
    }
    find("explore-chips").replaceChildren(...chips);
  }

  // Names that the page does not hold: grouped with others, or not in the data.
  function strangers(filters) {
    return Object.entries(filters).flatMap(([dimension, names]) => names.filter((name) => !cube.places(store, dimension, name).length).map((name) => {
      const grouped = store.values[dimension].some((value) => value.name === null);
      return grouped
        ? `“${name}” is one of the ${TITLES[dimension].toLowerCase()}s that this page groups together; the reports list more of them.`
        : `The data has no ${TITLES[dimension].toLowerCase()} named “${name}”.`;
    }));
  }

  // --- chart ---

  // Round steps from 0 to at least the highest value.
  function ticks(highest) {
    const rough = (highest || 1) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999999);
    return Array.from({ length: Math.max(1, Math.ceil(highest / step - 1e-9)) + 1 }, (_, number) => number * step);
  }

  // The colour that an entity has on every page, or one by rank.
  function colourOf(dimension, { name, plain }, rank) {
    const known = (store.data.colours[dimension] || {})[plain || name];
    return `c${known === undefined ? rank : known}`;
  }

  // The values of most cost one by one and all others together, over bars of one or more buckets.
  function stacks(dimension) {
    const rows = cube.overTime(store, answer, dimension);
    const buckets = store.buckets.slice(answer.range.first, answer.range.last + 1);
    const per = Math.ceil(buckets.length / MOST_BARS);
    const even = buckets.every((bucket) => bucket.days === buckets[0].days);
    const bars = Array.from({ length: Math.ceil(buckets.length / per) }, (_, bar) => buckets.slice(bar * per, (bar + 1) * per));
    const days = bars.map((bar) => bar.reduce((sum, bucket) => sum + bucket.days, 0));
    const rate = !even || per > 1;
    const total = rows.map((row) => row.reduce((sum, cost) => sum + cost, 0));
    const order = total.map((_, at) => at).filter((at) => total[at]).sort((a, b) => total[b] - total[a]);
    const binned = (places) => bars.map((bar, at) => {
      let sum = 0;
      for (const value of places) for (let number = 0; number < bar.length; number += 1) sum += rows[value][at * per + number];
      return sum / store.unit / (rate ? days[at] : 1);
    });
    const named = order.slice(0, STACKED).map((at, rank) => ({ ...store.values[dimension][at], colour: colourOf(dimension, store.values[dimension][at], rank), values: binned([at]) }));
    const rest = order.slice(STACKED);
    if (rest.length) named.push({ shown: `${rest.length} others`, colour: "muted", values: binned(rest) });
    return { named, bars, per, rate };
  }

  // The events of the shown days as [bar, words].
  function eventsOf(bars) {
    const [first, last] = [bars[0][0].first, bars[bars.length - 1].slice(-1)[0].last];
    return store.data.events.filter(([day]) => day >= first && day <= last)
      .map(([day, words]) => [bars.findIndex((bar) => bar[bar.length - 1].last >= day), words]);
  }

  // A line where each event began, with its number; lines close together share a label.
  function mark(root, events, count) {
    const labels = [];
    events.forEach(([bar], at) => {
      const x = `${((bar + 0.5) / count) * 100}%`;
      root.append(shape("line", { class: "event", x1: x, x2: x, y1: 0, y2: HEIGHT }));
      const before = labels[labels.length - 1];
      if (before && (bar - before.bar) / count <= LEAST_GAP) before.last = at + 1;
      else labels.push({ bar, x, first: at + 1, last: at + 1 });
    });
    let kept = { bar: -count, text: "" };
    for (const { bar, x, first, last } of labels) {
      const text = first === last ? String(first) : `${first}–${last}`;
      const needed = (((text.length + kept.text.length) / 2) * DIGIT_PX + 6) / NARROW_PX;
      const room = (bar - kept.bar) / count > Math.max(NARROW_GAP, needed);
      if (room) kept = { bar, text };
      root.append(shape("text", { class: room ? "mid" : "mid wide", x, y: -4 }, text));
    }
  }

  function showNoChart() {
    const { calls, uncounted, unpriced } = answer.now;
    const costs = unpriced ? "The cost of these calls is not known." : "These calls cost nothing.";
    const why = calls || uncounted ? costs : "There are no such calls.";
    find("explore-drawing").replaceChildren(element("p", "empty", why));
    find("explore-events").textContent = "";
    find("about-explore").textContent = "Cost over time";
    find("explore-numbers").tHead.replaceChildren();
    find("explore-numbers").tBodies[0].replaceChildren();
  }

  function showChart(dimension) {
    const { named, bars, per, rate } = stacks(dimension);
    if (!named.length) {
      showNoChart();
      return;
    }
    const highest = Math.max(0, ...bars.map((_, at) => named.reduce((sum, one) => sum + Math.max(0, one.values[at]), 0)));
    const steps = ticks(highest);
    const top = steps[steps.length - 1];
    const root = shape("svg", { class: "plot", height: HEIGHT, "aria-hidden": "true" });
    for (const step of steps) {
      const y = HEIGHT * (1 - step / top);
      root.append(shape("line", { class: step ? "grid" : "zero", x2: "100%", y1: y, y2: y }));
      root.append(shape("text", { class: "end", x: -8, y: y + 4 }, format.tick("money", step)));
    }
    const inner = shape("svg", { viewBox: `0 0 1000 ${HEIGHT}`, preserveAspectRatio: "none" });
    const slot = 1000 / bars.length;
    const width = Math.min(slot * 0.8, 60);
    const grown = bars.map(() => 0);
    named.forEach((one) => {
      const path = one.values.map((value, at) => {
        const low = HEIGHT * (1 - grown[at] / top);
        grown[at] += Math.max(0, value);
        const high = HEIGHT * (1 - grown[at] / top);
        return value > 0 ? `M${(at * slot + (slot - width) / 2).toFixed(1)} ${low.toFixed(1)}V${high.toFixed(1)}h${width.toFixed(1)}V${low.toFixed(1)}z` : "";
      }).join("");
      inner.append(shape("path", { class: `box ${one.colour}`, d: path }));
    });
    root.append(inner);
    const years = format.years(bars.map((bar) => bar[0].first));
    const every = Math.ceil(bars.length / 6);
    bars.forEach((bar, at) => {
      if (at % every) return;
      const wide = (at / every) % 2 ? " wide" : "";
      root.append(shape("text", { class: `mid${wide}`, x: `${((at + 0.5) / bars.length) * 100}%`, y: HEIGHT + 18 }, format.day(bar[0].first, years)));
    });
    const all = eventsOf(bars);
    const events = all.slice(-MOST_EVENTS);
    const earlier = all.length - events.length;
    mark(root, events, bars.length);
    const words = events.map(([, text], at) => `${at + 1}: ${text}`);
    if (earlier) words.push(`${earlier} earlier ${earlier === 1 ? "one is" : "ones are"} not marked`);
    find("explore-events").textContent = words.length ? `Events: ${words.join("; ")}.` : "";
    const legend = element("p", "legend");
    legend.append(...named.map((one) => {
      const item = element("span", "", "");
      item.append(element("i", `dot ${one.colour}`), one.shown);
      return item;
    }));
    find("explore-drawing").replaceChildren(element("p", "axis", rate ? "Cost (USD per day)" : "Cost (USD)"), root, legend);
    const whole = per > 1 ? `; each bar is the average of ${per} days or months` : "";
    find("about-explore").textContent = `Cost over time by ${TITLES[dimension].toLowerCase()}${whole}${partialDays()}${answer.now.unpriced ? "; calls of unknown cost are left out" : ""}`;
    const head = element("tr");
    head.append(...["Day", ...named.map((one) => one.shown)].map((text) => Object.assign(element("th", "", text), { scope: "col" })));
    find("explore-numbers").tHead.replaceChildren(head);
    find("explore-numbers").tBodies[0].replaceChildren(...bars.map((bar, at) => {
      const row = element("tr");
      row.append(Object.assign(element("th", "", bar[0].first), { scope: "row" }), ...named.map((one) => element("td", "", format.cell("money", one.values[at]))));
      return row;
    }));
  }

  // --- change ---

  function showChange(hidden) {
    const body = find("explore-change").tBodies[0];
    const parts = hidden ? null : cube.change(store, answer);
    const why = hidden || !answer.range ? "" : !answer.earlier
      ? "There are not enough earlier days to compare with. Choose a shorter range."
      : parts ? "" : "Some of these calls have no known cost, so the change cannot be split.";
    find("explore-no-change").textContent = why;
    find("explore-change").closest(".scroll").hidden = !parts;
    if (!parts) return;
    const rows = [
      [`Cost of the ${answer.earlier.days} days before`, answer.then.cost, usd], ["Price: the same tokens at other prices", parts.price, signed],
      ["Mix: other models or token classes for the same work", parts.mix, signed], ["Volume: more or fewer tokens", parts.volume, signed],
      ["New work", parts.fresh, signed], ["Work that ended", parts.gone, signed], ["Cost of the chosen days", answer.now.cost, usd],
    ];
    body.replaceChildren(...rows.map(([label, amount, written]) => {
      const row = element("tr");
      row.append(Object.assign(element("th", "", label), { scope: "row" }), element("td", "number", written(Math.abs(amount) / store.unit < 0.005 ? 0 : amount)));
      return row;
    }));
  }

  // --- lists ---

  function bar(share) {
    const drawing = shape("svg", { class: "bar", "aria-hidden": "true" });
    drawing.append(shape("rect", { width: `${Math.max(0, Math.min(100, share * 100)).toFixed(1)}%`, height: 8 }));
    return drawing;
  }

  // A cost as far as it is known.
  function costText(cost, unpriced) {
    if (!unpriced) return usd(cost);
    return cost ? `≥ ${usd(cost)}` : format.cell("money", null);
  }

  function entry(dimension, at, costs, most, chosen) {
    const value = store.values[dimension][at];
    const row = element("li");
    const name = element("span", "", value.shown === "" ? "(none)" : value.shown);
    const cost = element("span", "number", costText(costs[at], answer.has[dimension][at] & cube.HAS_UNPRICED));
    if (value.name === null) {
      row.append(name, cost, bar(costs[at] / most));
      return row;
    }
    const button = element("button");
    button.type = "button";
    button.dataset.key = `${dimension} ${value.name}`;
    button.setAttribute("aria-pressed", String(chosen.has(at)));
    const written = [...chosen.get(at) || [value.name]][0];
    button.addEventListener("click", () => toggle(dimension, written));
    button.append(name, cost, bar(costs[at] / most));
    row.append(button);
    return row;
  }

  function showList(dimension, filters) {
    const root = find(`explore-by-${dimension}`);
    const costs = answer.by[dimension];
    const chosen = new Map();
    for (const name of filters[dimension] || []) for (const at of cube.places(store, dimension, name)) chosen.set(at, [name]);
    const order = [...costs.keys()].filter((at) => answer.has[dimension][at] || chosen.has(at)).sort((a, b) => chosen.has(b) - chosen.has(a) || costs[b] - costs[a]);
    const most = Math.max(...order.map((at) => costs[at]), 0) || 1;
    const shown = open.has(dimension) ? order.slice(0, 200) : order.slice(0, SHOWN);
    const list = element("ol");
    list.append(...shown.map((at) => entry(dimension, at, costs, most, chosen)));
    root.classList.toggle("open", open.has(dimension));
    const left = order.length - shown.length;
    const note = element("p", "more", left && open.has(dimension) ? `and ${format.cell("count", left)} more; find them by name above.` : "");
    if (order.length > 5) {
      const more = element("button", order.length > SHOWN ? "" : "narrow", open.has(dimension) ? "Show fewer" : `More (${format.cell("count", order.length)} in all)`);
      more.type = "button";
      more.dataset.key = `more ${dimension}`;
      more.addEventListener("click", () => {
        if (!open.delete(dimension)) open.add(dimension);
        show();
      });
      note.append(more);
    }
    root.replaceChildren(root.firstElementChild, order.length ? list : element("p", "empty", "No calls."), note);
  }

  // --- one customer ---

  function showCustomer(filters) {
    const names = filters.customer || [];
    const facts = names.length === 1 && store.data.customers[names[0]];
    const root = find("explore-customer");
    root.hidden = !facts;
    if (!facts) return;
    root.querySelector("h2").textContent = `Customer ${names[0]}`;
    const list = root.querySelector("dl");
    list.replaceChildren(...facts.figures.map(([label, kind, value, note]) => {
      const card = element("div", "card");
      card.append(element("dt", "", label), element("dd", "figure", format.readable(kind, value)), element("dd", "note", note));
      return card;
    }));
    root.querySelector(".advice").textContent = facts.advice || "";
  }

  // --- the whole page ---

  function showDays(days) {
    const form = find("explore-form");
    const error = find("explore-error");
    for (const [id, day] of [["explore-from", answer.range.from], ["explore-to", answer.range.to]]) {
      find(id).value = day;
      find(id).removeAttribute("aria-invalid");
    }
    error.textContent = "";
    const widened = !days.whole && (answer.range.from !== days.from || answer.range.to !== days.to);
    find("explore-widened").textContent = widened ? `Shown for ${span(answer.range)}: the days that this page can tell apart, within the data.` : "";
    for (const button of form.querySelectorAll("[data-days]")) {
      const range = preset(Number(button.dataset.days));
      button.setAttribute("aria-pressed", String(button.dataset.days === "0" ? Boolean(days.whole) : !days.whole && range === `${days.from}..${days.to}`));
    }
  }

  // So many days up to the last whole one, as the address names them.
  function preset(days) {
    const last = store.data.whole[1] || store.buckets[store.buckets.length - 1].last;
    return `${cube.later(last, 1 - days)}..${last}`;
  }

  function chooseDays() {
    const [from, to] = [find("explore-from"), find("explore-to")];
    const wrong = !from.value || !to.value ? "Give both dates." : from.value > to.value ? "The first date is after the last." : "";
    find("explore-error").textContent = wrong;
    for (const field of [from, to]) field.toggleAttribute("aria-invalid", false);
    if (wrong) {
      const field = !from.value ? from : to;
      field.setAttribute("aria-invalid", "true");
      return;
    }
    choose({ range: `${from.value}..${to.value}` });
  }

  // The days that are shown.  A screen reader also says the first two figures, which the cards show.
  function showStatus(hidden) {
    if (hidden) return find("explore-status").replaceChildren();
    const shown = (id) => find(id).querySelector(".figure").textContent;
    const [calls, cost] = [shown("explore-calls"), shown("explore-cost")];
    const heard = element("span", "heard", ` ${calls === "n/a" ? "Calls of unknown number" : `${calls} calls`}, ${cost === "n/a" ? "cost unknown" : cost}.`);
    return find("explore-status").replaceChildren(`${span(answer.range)}.`, heard);
  }

  // What the caption says of a first and a last day that the data covers in part.
  function partialDays() {
    const [first, last] = page.explore.partial;
    const shown = [answer.range.from === store.buckets[0].first && first, answer.range.to === store.buckets[store.buckets.length - 1].last && last].filter(Boolean);
    return shown.length ? `; ${shown.join(", ")}` : "";
  }

  const span = ({ from, to }) => `${format.day(from, true)} to ${format.day(to, true)}`;

  function show() {
    const focused = document.activeElement && document.activeElement.dataset.key;
    const words = place.read();
    const [filters, days] = [filtersIn(words), daysIn(words)];
    const wanted = cube.DIMENSIONS.includes(words.get("by")) ? words.get("by") : "provider";
    answer = cube.query(store, filters, days);
    const notes = strangers(filters);
    const nothing = !answer.range;
    if (nothing) notes.push("The chosen dates are outside the data.");
    const hidden = notes.length > 0;
    find("explore-stranger").textContent = notes.join(" ");
    find("explore-stranger").hidden = !hidden;
    showChips(filters);
    showFigures(hidden);
    showChange(hidden);
    showCustomer(filters);
    find("explore-stack").value = wanted;
    if (!nothing) {
      showDays(days);
      showChart(wanted);
    }
    for (const dimension of cube.DIMENSIONS) showList(dimension, filters);
    showStatus(hidden);
    if (focused) {
      const again = [...document.querySelectorAll("[data-key]")].find((each) => each.dataset.key === focused);
      if (again) again.focus();
    }
  }

  // Names that hold what was typed, by dimension.
  function offer() {
    const typed = find("explore-find").value.toLowerCase();
    const offers = [];
    for (const dimension of cube.DIMENSIONS) {
      for (const value of store.values[dimension]) {
        if (offers.length >= OFFERED) break;
        if (value.name !== null && typed && value.shown.toLowerCase().includes(typed)) offers.push(Object.assign(element("option"), { value: `${TITLES[dimension]}: ${value.shown}` }));
      }
    }
    find("explore-names").replaceChildren(...offers);
  }

  function take() {
    const [, title, shown] = /^(\w+): ([^]*)$/.exec(find("explore-find").value) || [];
    const dimension = cube.DIMENSIONS.find((name) => TITLES[name] === title);
    const value = dimension && store.values[dimension].find((each) => each.shown === shown);
    if (!value) return;
    find("explore-find").value = "";
    toggle(dimension, value.name);
  }

  function start() {
    store = cube.open(page.explore);
    for (const [id, listener] of [["explore-from", chooseDays], ["explore-to", chooseDays], ["explore-find", take]]) find(id).addEventListener("change", listener);
    find("explore-find").addEventListener("input", offer);
    find("explore-stack").addEventListener("change", () => choose({ by: find("explore-stack").value }));
    for (const button of find("explore-form").querySelectorAll("[data-days]")) {
      const days = Number(button.dataset.days);
      button.addEventListener("click", () => choose({ range: days ? preset(days) : null }));
    }
    find("explore-form").addEventListener("submit", (event) => event.preventDefault());
    for (const id of ["explore-form", "explore-lists", "explore-compared"]) find(id).hidden = false;
    addEventListener("hashchange", show);
    place.start(() => {});
    show();
    window.explore = { store, query: (filters, days) => cube.query(store, filters, days), change: (made) => cube.change(store, made), show };
  }

  if (page.explore && page.explore.cells) start();
  else place.start(() => {});
})();
