"use strict";
// The calls of the page in cells, and what filters and a range of days leave of them.

const cube = (() => {
  const DAY = 86400000;
  const DIMENSIONS = ["provider", "model", "customer", "organization", "product", "feature", "environment"];
  const BIT = Object.fromEntries(DIMENSIONS.map((name, place) => [name, 1 << place]));
  const BEFORE = 256;
  const OUTSIDE = 512;
  const TOKENS = ["input", "output", "read", "write", "write_1h", "reasoning"];

  const later = (day, days) => new Date(Date.parse(day) + days * DAY).toISOString().slice(0, 10);

  function bytesOf(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
    return bytes;
  }

  // Reads the places of the cells: gaps between ascending numbers of mixed radix.
  function readKeys(bytes, data, store) {
    const radixes = [store.buckets.length, data.models.length, data.environments.length, data.work.length];
    const places = [store.bucket, store.model, store.environment, store.work];
    let key = 0;
    for (let cell = 0, at = 0; cell < data.cells; cell += 1) {
      let gap = 0;
      for (let scale = 1, byte = 128; byte > 127; scale *= 128, at += 1) {
        byte = bytes[at];
        gap += (byte & 127) * scale;
      }
      key += gap;
      let left = key;
      for (let part = 0; part < 4; part += 1) {
        const whole = Math.floor(left / radixes[part]);
        places[part][cell] = left - whole * radixes[part];
        left = whole;
      }
      store.account[cell] = left;
    }
  }

  function readColumns(bytes, data) {
    let start = data.keys;
    return Object.fromEntries(data.columns.map(([name, low, size]) => {
      const values = new Float64Array(data.cells).fill(low);
      for (let plane = 0, scale = 1; plane < size; plane += 1, scale *= 256, start += data.cells) {
        for (let cell = 0; cell < data.cells; cell += 1) values[cell] += bytes[start + cell] * scale;
      }
      return [name, values];
    }));
  }

  function bucketsOf([first, ...runs]) {
    const made = [];
    let day = first;
    for (const [count, days] of runs) {
      for (let number = 0; number < count; number += 1, day = later(day, days)) made.push({ first: day, days, last: later(day, days - 1) });
    }
    return made;
  }

  // The values of each dimension: name, shown name; and of each account, model, … which it has.
  function dimensionsOf(data) {
    const [customers, organizations, products] = data.names;
    const named = (values, shown = {}) => values.map((name) => ({ name, shown: name === null ? "All others" : shown[name] || name }));
    const providers = [...new Set(data.models.map(([provider]) => provider))];
    const features = [...new Set(data.work.map(([feature]) => feature))];
    const often = (name) => data.models.filter((model) => model[1] === name).length > 1;
    const models = data.models.map(([provider, name]) => ({
      name: name !== null && often(name) ? `${provider}/${name}` : name, plain: name,
      shown: (name === null ? "All others" : name) + (provider !== null && (name === null || often(name)) ? ` (${data.provider_names[provider]})` : ""),
    }));
    return {
      values: {
        provider: named(providers, data.provider_names), model: models, customer: named(customers), organization: named(organizations),
        product: named(products, data.product_names), feature: named(features, data.feature_names), environment: named(data.environments),
      },
      of: {
        provider: data.models.map(([provider]) => providers.indexOf(provider)), model: data.models.map((_, at) => at),
        customer: data.accounts[0], organization: data.accounts[1], product: data.accounts[2],
        feature: data.work.map(([feature]) => features.indexOf(feature)), environment: data.environments.map((_, at) => at),
      },
    };
  }

  // Which list of places a dimension belongs to.
  const LIST = { provider: "model", model: "model", customer: "account", organization: "account", product: "account", feature: "work", environment: "environment" };

  function open(data) {
    const count = data.cells;
    const store = {
      data, count, buckets: bucketsOf(data.buckets), account: new Uint32Array(count), work: new Uint16Array(count),
      environment: new Uint16Array(count), model: new Uint16Array(count), bucket: new Uint16Array(count),
      ...dimensionsOf(data), unit: 10 ** data.decimals,
    };
    const bytes = inflate(bytesOf(data.packed), data.size);
    readKeys(bytes, data, store);
    store.sums = readColumns(bytes, data);
    // Without one cached token in all calls it is not known whether the source reports it.
    store.caches = store.sums.read.some((tokens) => tokens > 0);
    store.selected = new Uint32Array(count);
    store.earlier = new Uint32Array(count);
    return store;
  }

  // The places of the values that a name means: by the name in the data or as it is shown.
  function places(store, dimension, name) {
    return store.values[dimension].map((value, at) => ([value.name, value.shown, value.plain].includes(name) ? at : -1)).filter((at) => at >= 0);
  }

  // The days of a range, widened to whole buckets; null where it holds none.
  function fit(store, { from, to }) {
    const { buckets } = store;
    const first = from ? buckets.findIndex((bucket) => bucket.last >= from) : 0;
    let last = buckets.length - 1;
    while (to && last >= 0 && buckets[last].first > to) last -= 1;
    if (first < 0 || last < first) return null;
    return { first, last, from: buckets[first].first, to: buckets[last].last };
  }

  // As many days just before, as buckets; null where the data does not hold or cut them.
  function before(store, { first, from, to }) {
    const days = (Date.parse(to) - Date.parse(from)) / DAY + 1;
    const start = later(from, -days);
    const at = store.buckets.findIndex((bucket) => bucket.first === start);
    return at < 0 ? null : { first: at, last: first - 1, from: start, to: later(from, -1), days };
  }

  function timeMasks(store, range, earlier) {
    return store.buckets.map((_, at) => {
      if (range && at >= range.first && at <= range.last) return 0;
      return earlier && at >= earlier.first && at <= earlier.last ? BEFORE : OUTSIDE;
    });
  }

  // For each place of a list the dimensions whose filter it does not pass.
  function masks(store, list, filters) {
    const length = { model: store.data.models, account: store.data.accounts[0], work: store.data.work, environment: store.data.environments }[list].length;
    const made = new Uint16Array(length);
    for (const dimension of DIMENSIONS.filter((name) => LIST[name] === list && (filters[name] || []).length)) {
      const allowed = new Set(filters[dimension].flatMap((name) => places(store, dimension, name)));
      for (let at = 0; at < length; at += 1) if (!allowed.has(store.of[dimension][at])) made[at] |= BIT[dimension];
    }
    return made;
  }

  const MEASURES = ["cost", "calls", "errors", "unpriced", "unknown_status", "uncounted", "input", "output", "read"];

  function totals(store, cells, count) {
    return Object.fromEntries(MEASURES.map((name) => {
      const values = store.sums[name];
      let sum = 0;
      for (let at = 0; at < count; at += 1) sum += values[cells[at]];
      return [name, sum];
    }));
  }

  // What a value of a dimension has: calls, and among them some of unknown cost.
  const HAS_CALLS = 1;
  const HAS_UNPRICED = 2;

  // What is left by filters {dimension: [names]} and days {from, to}: totals, the same of the days
  // before, and of each value of each dimension without that dimension's own filter the cost (`by`)
  // and what it has (`has`).
  function query(store, filters, days) {
    const range = fit(store, days);
    const earlier = range && before(store, range);
    const time = timeMasks(store, range, earlier);
    const [account, work, environment, model] = ["account", "work", "environment", "model"].map((list) => masks(store, list, filters));
    const { cost: costs, unpriced } = store.sums;
    const has = Object.fromEntries(DIMENSIONS.map((name) => [name, new Uint8Array(store.values[name].length)]));
    const by = Object.fromEntries(DIMENSIONS.map((name) => [name, new Float64Array(store.values[name].length)]));
    const alone = Object.fromEntries(DIMENSIONS.map((name) => [BIT[name], name]));
    const list = { account: new Float64Array(account.length), work: new Float64Array(work.length), environment: new Float64Array(environment.length), model: new Float64Array(model.length) };
    const found = { account: new Uint8Array(account.length), work: new Uint8Array(work.length), environment: new Uint8Array(environment.length), model: new Uint8Array(model.length) };
    let chosen = 0;
    let past = 0;
    for (let cell = 0; cell < store.count; cell += 1) {
      const mask = time[store.bucket[cell]] | account[store.account[cell]] | work[store.work[cell]] | environment[store.environment[cell]] | model[store.model[cell]];
      if (mask === 0) {
        store.selected[chosen] = cell;
        chosen += 1;
        const cost = costs[cell];
        list.account[store.account[cell]] += cost;
        list.work[store.work[cell]] += cost;
        list.environment[store.environment[cell]] += cost;
        list.model[store.model[cell]] += cost;
        const what = unpriced[cell] ? HAS_CALLS | HAS_UNPRICED : HAS_CALLS;
        found.account[store.account[cell]] |= what;
        found.work[store.work[cell]] |= what;
        found.environment[store.environment[cell]] |= what;
        found.model[store.model[cell]] |= what;
      } else if (mask === BEFORE) {
        store.earlier[past] = cell;
        past += 1;
      } else if (alone[mask]) {
        const name = alone[mask];
        const value = store.of[name][store[LIST[name]][cell]];
        by[name][value] += costs[cell];
        has[name][value] |= unpriced[cell] ? HAS_CALLS | HAS_UNPRICED : HAS_CALLS;
      }
    }
    for (const name of DIMENSIONS) {
      list[LIST[name]].forEach((cost, at) => { by[name][store.of[name][at]] += cost; });
      found[LIST[name]].forEach((what, at) => { has[name][store.of[name][at]] |= what; });
    }
    return {
      range, earlier, by, has, chosen, past,
      now: totals(store, store.selected, chosen), then: earlier ? totals(store, store.earlier, past) : null,
    };
  }

  // Cost of the selected cells by bucket of the range and value of a dimension.
  function overTime(store, answer, dimension) {
    const { first, last } = answer.range;
    const rows = store.values[dimension].map(() => new Float64Array(last - first + 1));
    const [list, of] = [store[LIST[dimension]], store.of[dimension]];
    for (let at = 0; at < answer.chosen; at += 1) {
      const cell = store.selected[at];
      rows[of[list[cell]]][store.bucket[cell] - first] += store.sums.cost[cell];
    }
    return rows;
  }

  // Sums by work and model: [calls, cost, six classes of tokens that were billed].
  function spend(store, cells, count) {
    const made = new Map();
    for (let at = 0; at < count; at += 1) {
      const cell = cells[at];
      const work = store.work[cell];
      if (!made.has(work)) made.set(work, new Map());
      const models = made.get(work);
      const model = store.model[cell];
      if (!models.has(model)) models.set(model, new Float64Array(2 + TOKENS.length));
      const sums = models.get(model);
      sums[0] += store.sums.calls[cell];
      sums[1] += store.sums.cost[cell];
      TOKENS.forEach((name, place) => { sums[2 + place] += store.sums[name][cell] - store.sums[`free_${name}`][cell]; });
    }
    return made;
  }

  // What tokens cost by list, null where a price of theirs is not known.
  function listCost(rates, [, , inputs, outputs, reads, writes, hours, thought]) {
    if (!rates) return null;
    const read = Math.min(reads, inputs);
    const written = Math.min(writes, inputs - read);
    const hour = Math.min(hours, written);
    const reasoning = Math.min(thought, outputs);
    const classes = [inputs - read - written, 0, read, written - hour, hour, outputs - reasoning, reasoning, 0];
    if (classes.some((tokens, at) => tokens && rates[at] === null)) return null;
    return classes.reduce((sum, tokens, at) => sum + tokens * (rates[at] || 0), 0);
  }

  const costOf = (models) => [...models.values()].reduce((sum, sums) => sum + sums[1], 0);
  const tokensOf = (models) => [...models.values()].reduce((sum, sums) => sum + sums[2] + sums[3], 0);

  // The difference to the days before, split without a rest; null where it cannot be.
  function change(store, answer) {
    if (!answer.then || answer.now.unpriced || answer.then.unpriced) return null;
    const [now, then] = [spend(store, store.selected, answer.chosen), spend(store, store.earlier, answer.past)];
    const parts = { price: 0, mix: 0, volume: 0, fresh: 0, gone: 0 };
    for (const [work, models] of then) if (!now.has(work)) parts.gone -= costOf(models);
    for (const [work, models] of now) {
      if (then.has(work)) split(store, then.get(work), models, parts);
      else parts.fresh += costOf(models);
    }
    return parts;
  }

  // Price: above the former level against list; volume: growth of tokens; mix: what is left.
  function split(store, then, now, parts) {
    let price = 0;
    for (const [model, sums] of now) {
      if (!then.has(model)) continue;
      const { 2: rates } = store.data.models[model];
      const [listed, level, former] = [listCost(rates, sums), listCost(rates, then.get(model)), then.get(model)[1]];
      if (level && listed !== null && former >= 0) price += sums[1] - (listed * former) / level;
    }
    const difference = costOf(now) - costOf(then) - price;
    const tokens = tokensOf(then);
    const volume = tokens ? (costOf(then) * (tokensOf(now) - tokens)) / tokens : difference;
    parts.price += price;
    parts.volume += volume;
    parts.mix += difference - volume;
  }

  return { DIMENSIONS, HAS_UNPRICED, open, query, overTime, change, places, later };
})();
