"use strict";
// Inflates the page's own deflated data (RFC 1950 and 1951), for browsers that cannot do it at once.

const inflate = (() => {
  const MOST_BITS = 15;
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  const lengths = ranges(28, 3, (code) => (code < 8 ? 0 : (code >> 2) - 1)).concat([[258, 0]]);
  const distances = ranges(30, 1, (code) => (code < 4 ? 0 : (code >> 1) - 1));

  // [smallest value, extra bits] of each code, one after the other.
  function ranges(count, first, extra) {
    const made = [];
    for (let code = 0, from = first; code < count; from += 1 << extra(code), code += 1) made.push([from, extra(code)]);
    return made;
  }

  // A look-up by the next bits, low ones first: symbol and length of each canonical code.
  function table(sizes) {
    const counts = new Uint16Array(MOST_BITS + 1);
    for (const size of sizes) counts[size] += 1;
    counts[0] = 0;
    const next = new Uint16Array(MOST_BITS + 2);
    for (let size = 1; size <= MOST_BITS; size += 1) next[size + 1] = (next[size] + counts[size]) << 1;
    const found = new Uint16Array(1 << MOST_BITS);
    sizes.forEach((size, symbol) => {
      if (!size) return;
      let code = next[size];
      next[size] += 1;
      let reversed = 0;
      for (let bit = 0; bit < size; bit += 1, code >>= 1) reversed = (reversed << 1) | (code & 1);
      for (let at = reversed; at < found.length; at += 1 << size) found[at] = (symbol << 4) | size;
    });
    return found;
  }

  return (source, size) => {
    const out = new Uint8Array(size);
    let at = 2;
    let end = 0;
    let held = 0;
    let count = 0;

    function fill(wanted) {
      for (; count < wanted; count += 8, at += 1) held |= (source[at] || 0) << count;
    }

    function bits(wanted) {
      fill(wanted);
      const value = held & ((1 << wanted) - 1);
      held >>>= wanted;
      count -= wanted;
      return value;
    }

    function symbol(codes) {
      fill(MOST_BITS);
      const entry = codes[held & ((1 << MOST_BITS) - 1)];
      held >>>= entry & 15;
      count -= entry & 15;
      return entry >> 4;
    }

    function plain() {
      at -= count >> 3;
      held = count = 0;
      const many = source[at] | (source[at + 1] << 8);
      out.set(source.subarray(at + 4, at + 4 + many), end);
      at += 4 + many;
      end += many;
    }

    function described() {
      const [literals, others, codes] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
      const first = Array(19).fill(0);
      for (let code = 0; code < codes; code += 1) first[ORDER[code]] = bits(3);
      const tree = table(first);
      const sizes = [];
      while (sizes.length < literals + others) {
        const code = symbol(tree);
        if (code < 16) sizes.push(code);
        else if (code === 16) sizes.push(...Array(3 + bits(2)).fill(sizes[sizes.length - 1]));
        else sizes.push(...Array(code === 17 ? 3 + bits(3) : 11 + bits(7)).fill(0));
      }
      return [table(sizes.slice(0, literals)), table(sizes.slice(literals))];
    }

    function known() {
      const sizes = Array.from({ length: 288 }, (_, code) => (code < 144 ? 8 : code < 256 ? 9 : code < 280 ? 7 : 8));
      return [table(sizes), table(Array(30).fill(5))];
    }

    function compressed([literals, others]) {
      for (let code = symbol(literals); code !== 256; code = symbol(literals)) {
        if (code < 256) {
          out[end] = code;
          end += 1;
          continue;
        }
        const [length, extra] = lengths[code - 257];
        const stop = end + length + bits(extra);
        const [distance, more] = distances[symbol(others)];
        const back = distance + bits(more);
        for (; end < stop; end += 1) out[end] = out[end - back];
      }
    }

    for (let last = 0; !last;) {
      last = bits(1);
      const kind = bits(2);
      if (kind === 0) plain();
      else compressed(kind === 1 ? known() : described());
    }
    return out;
  };
})();
