"use strict";
// Charts: Chart.js settings from the page's data, in the colours of the style sheet.

const charts = (() => {
  const SHAPES = ["circle", "triangle", "rect", "rectRot", "cross", "star", "crossRot"];
  const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
  const MARKED_POINTS = 32;
  const NAMED_BARS = 20;
  const BAR = 44;
  const THIN = 7;
  const PATIENCE_MS = 2000;
  const drawn = [];
  let known = {};
  let shown = (data) => data;
  let wanted = false;
  let offered = null;
  let pointer = null;

  function theme() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    return { read, colour: (key) => read(typeof key === "number" ? `c${key}` : key === "muted" ? "line-strong" : key) };
  }

  function faded(colour, share) {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    return `rgba(${r}, ${g}, ${b}, ${share})`;
  }

  function line(one, at, colour, count) {
    const marked = count === 1 || (count <= MARKED_POINTS && at.many);
    return {
      borderColor: colour, backgroundColor: colour, borderWidth: 2, tension: 0, spanGaps: false,
      pointRadius: count === 1 ? 5 : marked ? 3 : 0, pointHoverRadius: 5, pointHitRadius: 8,
      pointStyle: marked ? SHAPES[at.index % SHAPES.length] : "line",
      borderDash: at.many > 3 ? DASHES[Math.floor(at.index / 2) % DASHES.length] : [],
    };
  }

  const STYLES = {
    dashed: () => ({ borderDash: [6, 4], borderWidth: 1.5, pointRadius: 0, pointStyle: "line" }),
    points: () => ({ showLine: false, pointStyle: "rectRot", pointRadius: 5, pointHoverRadius: 7, order: -1 }),
    hollow: () => ({ showLine: false, pointStyle: "circle", pointRadius: 4, pointHoverRadius: 6, pointBackgroundColor: "transparent", order: -1 }),
    low: () => ({ borderWidth: 0, pointRadius: 0, pointHitRadius: 0 }),
    high: (colour) => ({ borderWidth: 0, pointRadius: 0, pointStyle: "rect", pointHitRadius: 0, fill: "-1", backgroundColor: faded(colour, 0.24) }),
  };

  // Bars of a group touch, however wide the chart is.
  function group(data, width) {
    return data.horizontal ? 0.8 : Math.min(0.8, (BAR * data.series.length * data.labels.length) / width);
  }

  // A thin bar is all colour: its edge would be most of it.
  function edge(data, width) {
    const beside = data.stacked ? 1 : data.series.length;
    return data.horizontal || width / (data.labels.length * beside) > THIN ? 1 : 0;
  }

  function dataset(data, look, index, width) {
    const one = data.series[index];
    const colour = look.colour(one.colour);
    const lines = data.series.filter((s) => !s.style).length;
    const base = data.shape === "line"
      ? line(one, { index, many: lines > 1 ? lines : 0 }, colour, data.labels.length)
      : { backgroundColor: colour, borderColor: look.read("edge"), borderWidth: edge(data, width), borderRadius: 2, maxBarThickness: BAR, categoryPercentage: group(data, width) };
    const made = { label: one.label, data: one.values, ...base };
    if (data.colours) made.backgroundColor = data.colours.map((key) => look.colour(key));
    if (data.shape === "bar" && one.style === "dashed") Object.assign(made, { type: "line", borderColor: colour });
    if (data.shape === "bar" && one.style === "hollow") return { ...made, backgroundColor: "transparent", borderColor: colour, borderWidth: 1.5 };
    return Object.assign(made, one.style ? STYLES[one.style](colour) : {});
  }

  function scatter(data, look) {
    const [xs, ys] = data.series;
    const names = data.groups ? [...new Set(data.groups)] : [data.y.title];
    return names.map((label, index) => {
      const there = (at) => xs.values[at] !== null && ys.values[at] !== null;
      const places = data.labels.map((_, at) => at).filter((at) => there(at) && (!data.groups || data.groups[at] === label));
      const colours = places.map((at) => faded(look.colour(data.colours ? data.colours[at] : "accent"), 0.8));
      return {
        label, pointRadius: 4, pointHoverRadius: 6, pointStyle: SHAPES[index % 4], backgroundColor: colours, borderColor: colours,
        data: places.map((at) => ({ x: xs.values[at], y: ys.values[at], at })),
      };
    });
  }

  // Names beside the points of a plane, or above or below them, as far as they find room.
  const names = {
    id: "names",
    afterDatasetsDraw(chart, _, options) {
      if (!options.labels) return;
      const taken = chart.data.datasets.flatMap((_, n) => chart.getDatasetMeta(n).data).map(({ x, y }) => [x - 4, y - 4, x + 4, y + 4]);
      const { ctx, chartArea: area } = chart;
      ctx.save();
      Object.assign(ctx, { font: `11px ${Chart.defaults.font.family}`, fillStyle: options.color, textBaseline: "middle" });
      chart.data.datasets.forEach((one, n) => chart.getDatasetMeta(n).data.forEach((point, at) => {
        const text = options.labels[one.data[at].at];
        const width = ctx.measureText(text).width;
        const { x, y } = point;
        for (const [left, middle] of [[x + 8, y], [x - 8 - width, y], [x - width / 2, y - 14], [x - width / 2, y + 14]]) {
          const box = [left, middle - 7, left + width, middle + 7];
          const free = left >= area.left && box[1] >= area.top - 7 && box[2] <= area.right + 8 && box[3] <= area.bottom + 7 && !taken.some((t) => box[0] < t[2] && t[0] < box[2] && box[1] < t[3] && t[1] < box[3]);
          if (!free) continue;
          taken.push(box);
          ctx.fillText(text, left, middle);
          return;
        }
      }));
      ctx.restore();
    },
  };

  // Events: a line where each began, with the number under which the page lists it where there is
  // room for it.
  const events = {
    id: "events",
    afterDatasetsDraw(chart, _, options) {
      const { ctx, chartArea: area, scales: { x } } = chart;
      const labels = chart.data.labels || [];
      let free = -Infinity;
      for (const [date, number] of options.marks) {
        const first = labels.findIndex((label) => label.slice(0, 10) === date);
        const at = x.getPixelForValue(first < 0 ? labels.filter((label) => label.slice(0, 10) < date).length - 1 : first);
        ctx.save();
        Object.assign(ctx, { strokeStyle: options.color, fillStyle: options.color, font: `11px ${Chart.defaults.font.family}`, textAlign: "center" });
        ctx.setLineDash([3, 3]);
        ctx.beginPath();
        ctx.moveTo(at, area.top);
        ctx.lineTo(at, area.bottom);
        ctx.stroke();
        const half = ctx.measureText(number).width / 2;
        if (number && at - half > free) {
          ctx.fillText(number, at, area.top - 4);
          free = at + half + 4;
        }
        ctx.restore();
      }
    },
  };

  // The events of the days that are drawn.  A label of several days stands for the first of them,
  // and the data says the last of all.
  function marks({ events: all = [], labels, end }) {
    if (!labels.length) return [];
    const last = end || labels[labels.length - 1].slice(0, 10);
    return all.filter(([date]) => date >= labels[0].slice(0, 10) && date <= last);
  }

  function axis(side, look, numeric, position) {
    return {
      title: { display: true, text: side.title, color: look.read("quiet"), font: { size: 12 } },
      grid: { color: look.read("line"), display: numeric, drawTicks: false },
      border: { display: !numeric, color: look.read("line-strong") },
      ticks: { color: look.read("quiet"), padding: 6, maxRotation: 0, autoSkipPadding: 16, maxTicksLimit: position === "y" ? 6 : 10 },
    };
  }

  function scales(data, look) {
    const numbers = (side, at) => {
      const made = axis(side, look, true, at);
      made.ticks.callback = (value) => format.tick(side.kind, value);
      made.beginAtZero = data.shape !== "scatter";
      if (side.kind === "count") made.ticks.precision = 0;
      return made;
    };
    if (data.shape === "scatter") return { x: numbers(data.x, "x"), y: numbers(data.y, "y") };
    const labels = axis(data.x, look, false, "x");
    labels.stacked = Boolean(data.stacked);
    const years = format.years(data.labels);
    labels.ticks.callback = (value) => shortened(format.day(data.labels[value], years));
    if (data.shape === "bar" && data.labels.length <= NAMED_BARS) {
      Object.assign(labels.ticks, { autoSkip: false, maxRotation: 60 });
      delete labels.ticks.maxTicksLimit;
    }
    const values = numbers(data.y, data.horizontal ? "x" : "y");
    values.stacked = Boolean(data.stacked);
    if (!data.horizontal) return { x: labels, y: values };
    labels.ticks.autoSkip = false;
    delete labels.ticks.maxTicksLimit;
    labels.title.display = false;
    return { x: values, y: labels };
  }

  // A long label in two or three lines of about the same length where there is little room.
  function shortened(text, again = false) {
    const limit = window.innerWidth < 640 ? 16 : 36;
    const cut = (part, most) => (part.length > most ? `${part.slice(0, most - 1)}…` : part);
    if (text.length <= limit) return text;
    const breaks = [...text].map((sign, at) => (" -".includes(sign) ? at + 1 : 0)).filter((at) => at > 1 && at <= limit);
    if (!breaks.length) return cut(text, limit);
    const longest = (at) => Math.max(at, text.length - at);
    const at = breaks.reduce((best, one) => (longest(one) < longest(best) ? one : best));
    const [first, rest] = [text.slice(0, at).trim(), text.slice(at)];
    return rest.length > limit * 1.5 && !again ? [first].concat(shortened(rest, true)) : [first, cut(rest, limit * 1.5)];
  }

  function tooltip(data) {
    if (data.shape === "scatter") {
      return { label: (item) => [
        data.labels[item.raw.at],
        `${data.x.title}: ${format.readable(data.x.kind, item.parsed.x)}`,
        `${data.y.title}: ${format.readable(data.y.kind, item.parsed.y)}`,
      ] };
    }
    const dated = ["date", "hour", "week"].includes(data.x.kind);
    const title = ([item]) => (!item ? "" : !dated ? item.label : `${data.x.kind === "week" ? "Week starting " : ""}${format.day(item.label, true)}`);
    return { title, label: (item) => `${item.dataset.label}: ${format.readable(data.y.kind, item.raw)}` };
  }

  // As charts.py names it.
  function bandName(low, high) {
    const [words, others] = [low.split(" "), high.split(" ")];
    const differs = words.findIndex((word, at) => word !== others[at]);
    return differs ? words.slice(0, differs < 0 ? words.length : differs).join(" ") : `${low} to ${high[0].toLowerCase()}${high.slice(1)}`;
  }

  // What the legend says of a line is how the line is drawn, dashes and all; first what the chart
  // is about, then what is marked on it.  A band goes by its two edges.
  function entries(chart, wide) {
    const items = Chart.defaults.plugins.legend.labels.generateLabels(chart);
    return items.sort((a, b) => a.datasetIndex - b.datasetIndex).map((item) => {
      const { borderColor, borderDash = [], borderWidth, label, fill } = chart.data.datasets[item.datasetIndex];
      if (fill === "-1") return { ...item, fillStyle: faded(borderColor, 0.5), text: bandName(chart.data.datasets[item.datasetIndex - 1].label, label) };
      if (item.pointStyle !== "line") return item;
      return { ...item, lineWidth: borderWidth, lineDash: wide ? borderDash : borderDash.map((part) => part / 2) };
    });
  }

  function settings(data, look, width) {
    const datasets = data.shape === "scatter" ? scatter(data, look) : data.series.map((_, at) => dataset(data, look, at, width));
    const lines = data.shape === "line" && datasets.every((one) => one.pointStyle === "line" || one.borderWidth === 0);
    const bound = (item) => data.shape !== "scatter" && data.series[item.datasetIndex].style === "low";
    return {
      type: data.shape,
      plugins: [names, events],
      data: { labels: data.shape === "scatter" ? undefined : data.labels, datasets },
      options: {
        layout: { padding: { top: data.events ? 14 : 0 } },
        animation: false, responsive: true, maintainAspectRatio: false,
        indexAxis: data.horizontal ? "y" : "x",
        interaction: data.shape === "scatter" ? { mode: "nearest" } : { mode: "index", intersect: false, axis: data.horizontal ? "y" : "x" },
        scales: scales(data, look),
        plugins: {
          legend: {
            display: datasets.length > 1, position: "bottom", align: "start",
            labels: {
              generateLabels: (chart) => entries(chart, lines), filter: (item) => !bound(item), color: look.read("text"), usePointStyle: true, boxHeight: 7, boxWidth: 12, padding: 16,
              ...(lines ? { pointStyleWidth: 22 } : {}),
            },
          },
          events: { marks: marks(data), color: look.read("quiet") },
          names: { labels: data.named ? data.labels : null, color: look.read("quiet") },
          tooltip: {
            callbacks: tooltip(data), backgroundColor: look.read("text"), titleColor: look.read("surface"),
            bodyColor: look.read("surface"), padding: 10, cornerRadius: 4, usePointStyle: true, boxPadding: 4,
          },
        },
      },
    };
  }

  // Pixels that lying bars take with their axis and legend.
  function least(data) {
    const many = data.series.length;
    const lines = Math.max(...data.labels.map((label) => [shortened(label)].flat().length));
    const row = many > 1 && !data.stacked ? 10 + many * 14 : Math.max(lines * 14, window.innerWidth < 640 ? 32 : 28);
    return (many > 1 ? 80 : 48) + data.labels.length * row;
  }

  // The frame is as high as the drawing that it replaces, so nothing below it moves.
  function fit(frame, drawing, data, original) {
    const { height } = drawing.getBoundingClientRect();
    const rows = data.horizontal ? least(data) : 0;
    if (height) frame.style.height = `${Math.max(height, rows)}px`;
    else if (data.labels.length !== original.labels.length && rows) frame.style.height = `${rows}px`;
  }

  function draw(name, original) {
    const data = shown(original);
    const figure = document.getElementById(`chart-${name}`);
    const [frame, drawing] = [figure.querySelector(".canvas"), figure.querySelector(".drawn")];
    fit(frame, drawing, data, original);
    frame.hidden = false;
    drawing.hidden = true;
    const chart = new Chart(frame.querySelector("canvas"), settings(data, theme(), frame.clientWidth));
    drawn.push({ name, original, chart });
  }

  function drawAll() {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    for (const [name, data] of Object.entries(known)) draw(name, data);
    tell("");
    if (!pointer) return;
    const under = document.elementFromPoint(pointer.clientX, pointer.clientY);
    if (under && under.matches("canvas")) under.dispatchEvent(new MouseEvent("mousemove", pointer));
  }

  // Draws again in the colours of now.
  function redraw() {
    for (const { name, original, chart } of drawn.splice(0)) {
      chart.destroy();
      draw(name, original);
    }
  }

  // From now on draws what the function makes of each chart's data; `needed` where the drawings
  // of the page do not show that.
  function change(made, needed) {
    shown = made;
    wanted = wanted || needed;
    if (wanted && offered) ask();
    redraw();
  }

  // Shows which sentence about Chart.js is true, by its id; "" for none.  A line that was there
  // leaves its room, or the page would move under a reader who points at a chart.
  function tell(which) {
    const line = document.getElementById("chart-missing");
    line.style.visibility = which ? "visible" : "hidden";
    if (!which) return;
    for (const sentence of line.children) sentence.hidden = sentence.id !== which;
    line.hidden = false;
  }

  // Loads a script of the template.  The drawings of the page stay until it is there, however
  // long it takes.
  function load(source, otherwise) {
    const waiting = setTimeout(() => tell("chart-failed"), PATIENCE_MS);
    const script = document.importNode(source, true);
    const settled = () => {
      clearTimeout(waiting);
      if (window.Chart) drawAll();
      else otherwise();
    };
    script.addEventListener("load", settled);
    script.addEventListener("error", settled);
    document.head.append(script);
  }

  // Whether an address answers.  A request that fails stands on the console as an error, unless a
  // worker made it.
  function answers(address) {
    const task = `fetch(${JSON.stringify(address)}, { method: "HEAD", mode: "no-cors" }).then(() => postMessage(true), () => postMessage(false));`;
    return new Promise((resolve) => {
      const worker = new Worker(`data:text/javascript,${encodeURIComponent(task)}`);
      worker.addEventListener("message", ({ data }) => {
        worker.terminate();
        resolve(data);
      });
      worker.addEventListener("error", () => resolve(false));
    });
  }

  // Loads Chart.js from the network, once.
  function ask() {
    if (!navigator.onLine) return tell("chart-failed");
    const source = offered;
    offered = null;
    const failed = () => tell("chart-failed");
    const waiting = setTimeout(failed, PATIENCE_MS);
    return answers(source.src).then((there) => {
      clearTimeout(waiting);
      if (there) load(source, failed);
      else failed();
    });
  }

  // Nobody else learns that a page was opened, and a page without a network has no request that
  // fails: the network is asked only when a reader points to a chart or chooses dates.
  function offer(source) {
    offered = source;
    tell("chart-waits");
    if (wanted) ask();
    for (const kind of ["pointermove", "pointerdown", "focusin"]) {
      addEventListener(kind, (event) => {
        if (window.Chart || !event.target.closest(".chart[id]")) return;
        if (kind !== "focusin") pointer = event;
        if (offered) ask();
      });
    }
  }

  function start(all) {
    if (!all || !Object.keys(all).length) return;
    known = all;
    const sources = [...document.getElementById("chart-library").content.querySelectorAll("script")];
    const network = sources.pop();
    if (sources.length) load(sources[0], () => offer(network));
    else offer(network);
  }

  return { start, redraw, change };
})();
