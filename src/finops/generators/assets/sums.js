"use strict";
// Sums by key and day, as sums.py packs them, and the rows of tables made from them.

const sums = (() => {
  const DAY = 86400000;
  const ALPHABET = Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).filter((c) => !"\"\\<>&'`".includes(c));
  const DIGIT = new Map(ALPHABET.map((character, at) => [character, at]));
  const FACTORS = { per: 1, percent: 100, thousand: 1000, million: 1e6 };

  const later = (day, days) => new Date(Date.parse(day) + days * DAY).toISOString().slice(0, 10);

  const total = (numbers) => numbers.reduce((a, b) => a + b, 0);

  function unpack(text, bins) {
    const width = text.length / bins;
    return Array.from({ length: bins }, (_, bin) => {
      let number = 0;
      for (const digit of text.slice(bin * width, (bin + 1) * width)) number = number * ALPHABET.length + DIGIT.get(digit);
      return number;
    });
  }

  // The days with calls and the measures of each.
  function days(ranged) {
    const absent = new Set(ranged.absent);
    const dates = [];
    for (let place = 0; place < ranged.length; place += 1) if (!absent.has(place)) dates.push(later(ranged.first, place));
    // What is not known of a day is null.
    const values = (one) => {
      const made = one.values || unpack(one.digits, dates.length).map((number) => number / one.scale);
      for (const at of one.unknown || []) made[at] = null;
      return made;
    };
    return { dates, measures: Object.fromEntries(Object.entries(ranged.measures).map(([name, one]) => [name, values(one)])) };
  }

  // Entries of one or more days each, the last one ending with the last day of the data.
  class Entries {
    constructor(data, last) {
      Object.assign(this, { step: data.step, bins: data.bins, last });
    }

    // The entry that a day is part of; it may lie outside.
    bin(day) {
      return this.bins - 1 - Math.floor(Math.round((Date.parse(this.last) - Date.parse(day)) / DAY) / this.step);
    }

    // The entries of a range: the first one, and the one after the last.
    within(range) {
      const from = Math.max(0, this.bin(range.from));
      return [from, Math.max(from, this.bin(range.to) + 1)];
    }

    // The range, widened to days that share an entry.
    covers(range) {
      const start = (bin) => later(this.last, 1 - (this.bins - bin) * this.step);
      return { from: start(this.bin(range.from)), to: later(start(this.bin(range.to) + 1), -1) };
    }
  }

  class Sums extends Entries {
    constructor(data, last) {
      super(data, last);
      Object.assign(this, { keys: data.keys, distinct: data.distinct });
      this.measures = {};
      for (const [name, one] of Object.entries(data.measures)) {
        this.measures[name] = { scale: one.scale || 1, rows: one.rows.map((text) => unpack(text, data.bins)) };
      }
    }

    // What each key has of a measure in a range, in whole units: divide by `scale`.
    totals(measure, range) {
      const [from, to] = this.within(range);
      return this.measures[measure].rows.map((row) => total(row.slice(from, to)));
    }
  }

  // A percentile of any days, from how many calls were below a window and which were inside.
  class Window extends Entries {
    constructor(data, last) {
      super(data, last);
      Object.assign(this, { share: data.share, from: data.from, inside: data.inside });
      this.calls = unpack(data.calls, data.bins);
      this.below = unpack(data.below, data.bins);
    }

    // Nearest rank, like histogram_percentiles in stats.py; null without a call.
    percentile(range) {
      const [from, to] = this.within(range);
      const calls = total(this.calls.slice(from, to));
      const rank = Math.max(0, Math.ceil(Number((calls * this.share).toFixed(9))) - 1);
      const counts = new Map();
      for (const text of this.inside.slice(from, to)) addPairs(counts, text);
      let seen = total(this.below.slice(from, to));
      for (const offset of [...counts.keys()].sort((a, b) => a - b)) {
        seen += counts.get(offset);
        if (seen > rank) return this.from + offset;
      }
      return null;
    }
  }

  // Adds {place in the window: calls} of an entry; see pack_window in sums.py.
  function addPairs(counts, text) {
    const [top, half] = [ALPHABET.length - 1, ALPHABET.length / 2];
    let [at, offset] = [0, 0];
    const next = (lowest) => {
      let number = 0;
      for (; DIGIT.get(text[at]) === top; at += 1) number += top - lowest;
      number += DIGIT.get(text[at]) - lowest;
      at += 1;
      return number;
    };
    while (at < text.length) {
      const single = DIGIT.get(text[at]) < half;
      offset += next(single ? 0 : half);
      counts.set(offset, (counts.get(offset) || 0) + (single ? 1 : next(0)));
    }
  }

  function distinctOf(source, rows, follows, range) {
    const found = Array.from({ length: rows }, () => new Set());
    source.totals(follows.count, range).forEach((count, key) => {
      if (count) found[follows.row_of[key]].add(source.distinct[key]);
    });
    return found.map((values) => values.size);
  }

  // The rows of which the sum of a measure is a lower bound: one of 0 is not known.
  function leastOf({ follows, columns }, measure) {
    return new Set(follows.over.flatMap((over, at) => (over && over[0] === measure && over[1] === "sum" && columns[at].least) || []));
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
      const whole = total(values);
      const divisors = other ? added(other) : null;
      const factor = FACTORS[operation] || (operation === "share" ? 100 : 1);
      if (!other) {
        const unknown = leastOf(data, measure);
        return values.map((value, row) => (whole > 0 && (value || !unknown.has(row)) ? (value / whole) * factor : null));
      }
      // Credits may exceed the cost: that is no price.
      const ratio = (value, divisor) => (value < 0 || divisor < 0 ? null : divisor ? (value / divisor) * factor : 0);
      return values.map((value, row) => ratio(value, divisors[row]));
    };
    return {
      values: follows.over.map((over) => (over ? column(over) : null)),
      present: added(follows.count).map((count) => count > 0),
    };
  }

  // Returns the page's sums and windows by name; `last` is the last day of the data.
  function start(page, last) {
    const made = (Kind, all) => Object.fromEntries(Object.entries(all || {}).map(([name, data]) => [name, new Kind(data, last)]));
    return { sums: made(Sums, page.sums), windows: made(Window, page.windows) };
  }

  return { start, recompute, days, later, DAY, FACTORS };
})();
