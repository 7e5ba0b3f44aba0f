"use strict";
// Sums by key and day, as sums.py packs them, and the rows of tables made from them.

const sums = (() => {
  const DAY = 86400000;
  const ALPHABET = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).filter((c) => !"\"\\<>&'`".includes(c));
  const DIGIT = new Map(ALPHABET.map((character, at) => [character, at]));
  const FACTORS = { per: 1, percent: 100, thousand: 1000 };

  const later = (day, days) => new Date(Date.parse(day) + days * DAY).toISOString().slice(0, 10);

  function unpack(text, bins) {
    const width = text.length / bins;
    return Array.from({ length: bins }, (_, bin) => {
      let number = 0;
      for (const digit of text.slice(bin * width, (bin + 1) * width)) number = number * ALPHABET.length + DIGIT.get(digit);
      return number;
    });
  }

  class Sums {
    constructor(data, last) {
      Object.assign(this, { step: data.step, bins: data.bins, keys: data.keys, distinct: data.distinct, last });
      this.measures = {};
      for (const [name, one] of Object.entries(data.measures)) {
        this.measures[name] = { scale: one.scale || 1, rows: one.rows.map((text) => unpack(text, data.bins)) };
      }
    }

    // The place of the sum that a day is part of, counted from the last day; it may lie outside.
    bin(day) {
      return this.bins - 1 - Math.floor(Math.round((Date.parse(this.last) - Date.parse(day)) / DAY) / this.step);
    }

    // The range, widened to days that share a sum.
    covers(range) {
      const start = (bin) => later(this.last, 1 - (this.bins - bin) * this.step);
      return { from: start(this.bin(range.from)), to: later(start(this.bin(range.to) + 1), -1) };
    }

    // What each key has of a measure in a range, in whole units: divide by `scale`.
    totals(measure, range) {
      const [from, to] = [Math.max(0, this.bin(range.from)), this.bin(range.to) + 1];
      return this.measures[measure].rows.map((row) => row.slice(from, Math.max(from, to)).reduce((a, b) => a + b, 0));
    }
  }

  function distinctOf(source, rows, follows, range) {
    const found = Array.from({ length: rows }, () => new Set());
    source.totals(follows.count, range).forEach((count, key) => {
      if (count) found[follows.row_of[key]].add(source.distinct[key]);
    });
    return found.map((values) => values.size);
  }

  // The columns of a table in a range, null for those that do not follow, and which rows have a call.
  function recompute(source, data, range) {
    const { follows, rows } = data;
    const added = (measure) => {
      const made = new Array(rows).fill(0);
      source.totals(measure, range).forEach((sum, key) => { made[follows.row_of[key]] += sum; });
      return made.map((sum) => sum / source.measures[measure].scale);
    };
    const column = ([measure, how]) => {
      if (how === "distinct") return distinctOf(source, rows, follows, range);
      const values = added(measure);
      if (how === "sum") return values;
      const [operation, other] = how.split(":");
      const whole = values.reduce((a, b) => a + b, 0);
      const divisors = other ? added(other) : values.map(() => whole);
      const factor = FACTORS[operation] || (operation === "share" ? 100 : 1);
      return values.map((value, row) => (divisors[row] ? (value / divisors[row]) * factor : 0));
    };
    return {
      values: follows.over.map((over) => (over ? column(over) : null)),
      present: added(follows.count).map((count) => count > 0),
    };
  }

  // Returns the page's sums by name; `last` is the last day of the data.
  function start(all, last) {
    return Object.fromEntries(Object.entries(all || {}).map(([name, data]) => [name, new Sums(data, last)]));
  }

  return { start, recompute, later, DAY };
})();
