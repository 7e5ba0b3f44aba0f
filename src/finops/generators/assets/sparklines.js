"use strict";
// The line at the end of a table's row, as sparklines.py draws it, from the sums of the page.

const sparklines = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_POINTS = 24;
  const [WIDTH, HEIGHT] = [58, 14];
  const { FACTORS } = sums;

  const total = (numbers) => numbers.reduce((a, b) => a + b, 0);

  // The first bin of each point and the one after its last; a short one comes first.
  function spans([first, after]) {
    const width = Math.ceil((after - first) / MOST_POINTS);
    const made = [];
    for (let end = after; end > first; end -= width) made.unshift([Math.max(first, end - width), end]);
    return made;
  }

  // What a row has of a measure in each span, all its keys together.
  function added(source, follows, measure, row, within) {
    const { rows, scale } = source.measures[measure];
    const own = rows.filter((_, key) => follows.row_of[key] === row);
    return within.map(([from, to]) => total(own.map((numbers) => total(numbers.slice(from, to)))) / scale);
  }

  function points(source, { follows, spark }, row, bins) {
    const within = spans(bins);
    const [measure, how] = spark.over;
    const amounts = added(source, follows, measure, row, within);
    if (how === "sum") return amounts.map((amount, at) => amount / ((within[at][1] - within[at][0]) * source.step));
    const [operation, other] = how.split(":");
    const divisors = added(source, follows, other, row, within);
    return amounts.map((amount, at) => (divisors[at] ? (amount / divisors[at]) * FACTORS[operation] : null));
  }

  function path(values) {
    const highest = Math.max(0, ...values) || 1;
    const last = Math.max(1, values.length - 1);
    let [made, before, drawing] = ["", null, false];
    values.forEach((value, number) => {
      if (value === null) {
        before = null;
        return;
      }
      const x = 1 + Math.floor((number / last) * WIDTH + 0.5);
      const y = 1 + HEIGHT - Math.floor((Math.max(0, value) / highest) * HEIGHT + 0.5);
      if (before) made += `${drawing ? " " : "l"}${x - before[0]} ${y - before[1]}`.replace(" -", "-");
      else made += `M${x} ${y}`;
      drawing = Boolean(before);
      before = [x, y];
    });
    return made;
  }

  // The cell of a row for a range of bins.
  function cell(source, data, row, bins) {
    const made = document.createElement("td");
    made.className = "spark";
    const known = !(data.spark.unknown || []).includes(row);
    const values = known && bins[0] < bins[1] ? points(source, data, row, bins) : [];
    const drawn = values.filter((value) => value !== null);
    if (!drawn.length) return made;
    const [first, last, highest] = [drawn[0], drawn[drawn.length - 1], Math.max(...drawn)].map((value) => format.readable(data.spark.kind, value));
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("role", "img");
    const title = document.createElementNS(SVG, "title");
    title.textContent = `First ${first}, last ${last}, highest ${highest}`;
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path(values));
    drawing.append(title, line);
    made.append(drawing);
    return made;
  }

  return { cell };
})();
