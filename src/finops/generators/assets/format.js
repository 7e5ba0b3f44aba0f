"use strict";
// How values are written in cells, ticks and tooltips: the same rules as formatting.py.

const format = (() => {
  const MISSING = "n/a";
  const COMPACT = [[12, "T"], [9, "B"], [6, "M"], [3, "K"]];
  const BYTES = [[1024 ** 3, "GB"], [1024 ** 2, "MB"], [1024, "KB"]];
  const DAY_MS = 86400000;
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

  // Moves the decimal point in the text of a number, so that no binary noise arises.
  function shifted(number, places) {
    const [digits, exponent] = String(number).split("e");
    return Number(`${digits}e${Number(exponent || 0) + places}`);
  }

  function fixed(number, places, round = Math.round) {
    const size = shifted(round(shifted(Math.abs(number), places)), -places);
    const [whole, fraction] = size.toFixed(places).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    const sign = number < 0 && size > 0 ? "-" : "";
    return sign + grouped + (fraction ? `.${fraction}` : "");
  }

  function significant(number, digits, least, most = 12) {
    const magnitude = Number(number.toExponential().split("e")[1]);
    const places = number ? Math.max(least, digits - 1 - magnitude) : least;
    const [whole, fraction = ""] = fixed(number, Math.min(places, most)).split(".");
    const kept = /[1-9]/.test(fraction.slice(least)) ? fraction : fraction.slice(0, least);
    const text = kept ? `${whole}.${kept}` : whole;
    return /[1-9]/.test(text) ? text : text.replace("-", "");
  }

  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

  function money(number) {
    const size = Math.abs(number);
    let text;
    if (size >= 100000) text = fixed(size, 0);
    else text = size >= 0.1 ? fixed(size, 2) : significant(size, 3, 2);
    return (number < 0 && /[1-9]/.test(text) ? "-$" : "$") + text;
  }

  function compact(number) {
    const size = Math.abs(number);
    if (size < 10000) return fixed(number, 0);
    const [power, letter] = COMPACT.find(([p]) => size >= 10 ** p * 0.99995) || [0, ""];
    return fixed(shifted(number, -power), 1) + letter;
  }

  // A little less than 100, by more than sums of binary stray.
  const isNearlyAll = (size) => size > 99.9 && size < 99.999999999;

  function percent(number) {
    const size = Math.abs(number);
    if (size >= 1000) return `${fixed(number, 0)}%`;
    if (isNearlyAll(size)) return `${fixed(number, 2, Math.floor)}%`;
    return `${size < 0.1 ? significant(number, 2, 1, 4) : fixed(number, 1)}%`;
  }

  function milliseconds(number) {
    return Math.abs(number) >= 10 ? fixed(number, 0) : trimmed(significant(number, 2, 0));
  }

  function decimal(number) {
    const size = Math.abs(number);
    if (size >= 100 || Number.isInteger(number)) return fixed(number, 0);
    if (size < 0.1) return trimmed(significant(number, 3, 0));
    return fixed(number, size < 10 ? 2 : 1);
  }

  function bytes(number) {
    const [unit, name] = BYTES.find(([u]) => Math.abs(number) >= u) || [1, "bytes"];
    return `${fixed(number / unit, unit > 1 ? 1 : 0)} ${name}`;
  }

  function seconds(number) {
    const whole = Math.trunc(Math.abs(number));
    if (whole < 60) return `${Math.abs(number) < 1 ? significant(number, 2, 0) : fixed(number, 1)} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
    if (whole < 48 * 3600) return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
    return `${fixed(number / 86400, 1)} days`;
  }

  const KINDS = {
    money, tokens: compact, percent, bytes, seconds, ms: milliseconds, number: decimal,
    count: (number) => fixed(number, 0),
    share: (number) => percent(shifted(number, 2)),
  };

  // The Monday of an ISO week, "2025-W01", as people read it; other text stays.
  function week(text) {
    const [, year, number] = /^(\d{4})-W(\d\d)$/.exec(text) || [];
    if (!year) return text;
    const first = new Date(`${year}-01-04T00:00Z`); // always in the first week
    const monday = new Date(first.getTime() + (7 * (number - 1) - ((first.getUTCDay() + 6) % 7)) * DAY_MS);
    const thursday = new Date(monday.getTime() + 3 * DAY_MS); // is of the year of its week
    return thursday.getUTCFullYear() === Number(year) ? day(monday.toISOString().slice(0, 10), true) : text;
  }

  function cell(kind, value) {
    if (value === null || value === undefined) return MISSING;
    if (kind === "week") return week(value);
    if (typeof value === "string" || !KINDS[kind]) return String(value);
    return KINDS[kind](value);
  }

  function counted(number, power) {
    if (!power || !number) return fixed(number, 0);
    const scaled = shifted(number, -power);
    const letter = COMPACT.find(([p]) => p === power)[1];
    return Math.abs(scaled) < 0.05 ? `<0.1${letter}` : fixed(scaled, 1) + letter;
  }

  const magnitude = (number) => Number(number.toExponential().split("e")[1]);

  function decimals(sizes, ofLarge, ofOnes) {
    const most = sizes[sizes.length - 1];
    if (!sizes.length) return ofOnes;
    if (most >= 100000) return ofLarge;
    if (most >= 1) return ofOnes;
    const needed = 2 - magnitude(most);
    return Math.min(9, Math.max(needed, Math.min(needed + 2, -magnitude(sizes[0]))));
  }

  // The decimals of a column, of tokens the power of their unit: the rules of precision.py.
  function places(kind, values) {
    const sizes = values.filter((value) => typeof value === "number" && value)
      .map((value) => Math.abs(kind === "share" ? shifted(value, 2) : value)).sort((a, b) => a - b);
    if (kind === "percent" || kind === "share") return sizes.some(isNearlyAll) ? 2 : 1;
    if (kind === "money") return decimals(sizes, 0, 2);
    if (kind === "number") return sizes.every(Number.isInteger) || sizes[0] >= 100 ? 0 : decimals(sizes, 1, 2);
    if (kind !== "tokens") return undefined;
    if (!sizes.length || sizes[sizes.length - 1] < 10000) return 0;
    const middle = sizes[Math.floor(sizes.length / 2)];
    return (COMPACT.find(([power]) => middle >= 10 ** power) || [0])[0];
  }

  // A cell of a column whose numbers share a precision: the rules of precision.py.
  function column(kind, value, places) {
    if (places === undefined || typeof value !== "number") return cell(kind, value);
    if (kind === "tokens") return counted(value, places);
    const number = kind === "share" ? shifted(value, 2) : value;
    const [before, after] = kind === "money" ? ["$", ""] : ["", kind === "number" ? "" : "%"];
    const size = Math.abs(number);
    const least = shifted(1, -places);
    // Of a little less than nothing the digits say more than a sign of comparison.
    if (number && size < least / 2) return number < 0 ? cell(kind, value) : `<${before}${least.toFixed(places)}${after}`;
    const below = after && isNearlyAll(size);
    return `${number < 0 ? "-" : ""}${before}${fixed(size, places, below ? Math.floor : Math.round)}${after}`;
  }

  // With the unit, for tooltips and cards.
  function readable(kind, value) {
    if (kind === "ms" && typeof value === "number" && Math.abs(value) >= 10000) {
      return `${fixed(value / 1000, 1)} s`;
    }
    const unit = { tokens: " tokens", ms: " ms" }[kind] || "";
    return value === null ? MISSING : cell(kind, value) + unit;
  }

  // Short, for the ticks of an axis.
  function tick(kind, value) {
    const short = (number) => compact(number).replace(/\.0(?=[KMBT])/, "");
    if (kind === "money" && Math.abs(value) >= 10000) return (value < 0 ? "-$" : "$") + short(Math.abs(value));
    if (kind === "money" && Number.isInteger(value)) return money(value).replace(/\.00$/, "");
    if (kind === "money") return money(value).replace(/(\.\d\d\d*?)0+$/, "$1");
    if (kind === "count" || kind === "tokens") return Number.isInteger(value) ? short(value) : decimal(value);
    const plain = (number) => trimmed(decimal(number));
    if (kind === "percent") return `${plain(value)}%`;
    if (kind === "share") return `${plain(shifted(value, 2))}%`;
    if (kind === "number") return plain(value);
    return cell(kind, value);
  }

  // "2025-01-31" is "31 Jan", or "31 Jan 2025" with its year; an hour keeps its clock; other text stays.
  function day(text, year = false) {
    const found = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d))?/.exec(text);
    if (!found) return text;
    const date = `${Number(found[3])} ${MONTHS[Number(found[2]) - 1]}${year ? ` ${found[1]}` : ""}`;
    return found[4] ? `${date} ${found[4]}` : date;
  }

  // Whether dates in order are of several years, so that each needs its own.
  const years = (dates) => dates.length > 0 && dates[0].slice(0, 4) !== dates[dates.length - 1].slice(0, 4);

  return { cell, column, places, readable, tick, day, years };
})();
