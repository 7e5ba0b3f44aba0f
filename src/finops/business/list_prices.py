"""List prices of models that are in use and that no scenario simulates.

Facts from the vendors' price lists, without which the logs of coding agents and gateways would be
unpriced.  Prices are USD per 1M tokens: of input, output, input read from a cache, input written
to a cache for five minutes, and for an hour; `-` is a price that the vendor does not name.

- `[provider]` begins the models of a provider; what stands behind it holds for all of them.
- `.` are the ordinary prices, `>200k` those of a call with more context, `flex`, `batch` and
  `priority` those of a tier of service.  `..` goes on with the model above.
- `flex*0.5`: that tier costs half in each class.  Without a word on it, `batch` costs half.
- `us*1.1` and `fast*2` multiply the tokens' cost where a call ran there, or like that.
- `search` is USD for one web search, `audio` USD per 1M tokens of audio input.

Analyses offer none of these models as a replacement: only those of the catalogue have a class.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Tuple

from finops.business import rates
from finops.business.price_table import Entry

_TABLE = """
# model                where       input output   read  write     1h
[anthropic] search=0.01
claude-opus-4-5        .               5     25    0.5   6.25     10
claude-sonnet-4-5      .               3     15    0.3   3.75      6
claude-opus-4          .              15     75    1.5  18.75     30
claude-sonnet-4        .               3     15    0.3   3.75      6
claude-3-7-sonnet      .               3     15    0.3   3.75      6
claude-3-5-sonnet      .               3     15    0.3   3.75      6
claude-3-5-haiku       .             0.8      4   0.08      1    1.6
claude-3-opus          .              15     75    1.5  18.75     30
claude-3-haiku         .            0.25   1.25   0.03    0.3    0.5
[anthropic] search=0.01 us*1.1
claude-fable-5         .              10     50      1   12.5     20
claude-fable-5-1       .              10     50   0.25   12.5     20
claude-haiku-5-5       .             0.1    0.5   0.01  0.125    0.2
..                     >100k         0.5    2.5   0.05  0.625      1
claude-mythos-5        .              10     50      1   12.5     20
claude-mythos-5-1      .              10     50   0.25   12.5     20
claude-opus-4-6        .               5     25    0.5   6.25     10
claude-opus-4-7        .               5     25    0.5   6.25     10
claude-opus-5          .               5     25    0.5   6.25     10 fast*2
claude-opus-5-5        .               4     20    0.2      5      8 fast*2
claude-sonnet-5        .               2     10    0.2    2.5      4
claude-sonnet-5-5      .               2     10    0.1    2.5      4
[openai]
gpt-3.5-turbo          .             0.5    1.5      -      -      -
gpt-3.5-turbo-0125     .             0.5    1.5      -      -      -
gpt-3.5-turbo-1106     .               1      2      -      -      - batch*1
gpt-3.5-turbo-16k      .               3      4      -      -      -
gpt-4-0613             .              30     60      -      -      -
gpt-4-1106-preview     .              10     30      -      -      -
gpt-4-turbo            .              10     30      -      -      -
gpt-4.1-nano           .             0.1    0.4  0.025      -      - priority*2
gpt-4o-2024-05-13      .               5     15      -      -      - priority*1.75
gpt-5-chat             .            1.25     10  0.125      -      -
gpt-5-chat-latest      .            1.25     10  0.125      -      -
gpt-5-codex            .            1.25     10  0.125      -      -
gpt-5.1-chat-latest    .            1.25     10  0.125      -      -
gpt-5.1-codex          .            1.25     10  0.125      -      -
gpt-5.1-codex-max      .            1.25     10  0.125      -      -
gpt-5.1-codex-mini     .            0.25      2  0.025      -      -
gpt-5.2-chat-latest    .            1.75     14  0.175      -      -
gpt-5.2-codex          .            1.75     14  0.175      -      -
gpt-5.3-chat-latest    .            1.75     14  0.175      -      -
o1                     .              15     60    7.5      -      -
o1-pro                 .             150    600      -      -      -
o3-mini                .             1.1    4.4   0.55      -      -
text-embedding-3-large .            0.13      0      -      -      -
text-embedding-3-small .            0.02      0      -      -      -
text-embedding-ada-002 .             0.1      0      -      -      -
[openai] eu*1.1 us*1.1
gpt-5.4                .             2.5     15   0.25      -      - priority*2
..                     batch        1.25    7.5   0.13      -      -
..                     flex         1.25    7.5   0.13      -      -
..                     >272k           5   22.5    0.5      -      - flex*0.5
[openai] search=0.01
gpt-5-nano             .            0.05    0.4  0.005      -      - flex*0.5
gpt-5-pro              .              15    120      -      -      -
gpt-5.1                .            1.25     10  0.125      -      - flex*0.5 priority*2
gpt-5.2                .            1.75     14  0.175      -      - flex*0.5 priority*2
gpt-5.2-pro            .              21    168      -      -      -
gpt-5.3-codex          .            1.75     14  0.175      -      - priority*2
o3                     .               2      8    0.5      -      - flex*0.5 priority*1.75
o3-pro                 .              20     80      -      -      -
o4-mini                .             1.1    4.4  0.275      -      -
..                     flex         0.55    2.2  0.138      -      -
..                     priority        2      8    0.5      -      -
[openai] search=0.01 eu*1.1 us*1.1
gpt-5.4-mini           .            0.75    4.5  0.075      -      - flex*0.5 priority*2
gpt-5.4-nano           .             0.2   1.25   0.02      -      - flex*0.5
gpt-5.4-pro            .              30    180      -      -      - flex*0.5
..                     >272k          60    270      -      -      - flex*0.5
gpt-5.5                .               5     30    0.5      -      - flex*0.5 priority*2.5
..                     >272k          10     45      1      -      - flex*0.5
gpt-5.5-pro            .              30    180      -      -      - flex*0.5
..                     >272k          60    270      -      -      -
gpt-5.6                .               4     20    0.4      5      - flex*0.5 priority*2
..                     >272k           8     30    0.8     10      - flex*0.5 priority*2
gpt-5.6-luna           .             0.2    1.2   0.02   0.25      - flex*0.5 priority*2
..                     >272k         0.4    1.8   0.04    0.5      - flex*0.5 priority*2
gpt-5.6-sol            .               4     20    0.4      5      - flex*0.5 priority*2
..                     >272k           8     30    0.8     10      - flex*0.5 priority*2
gpt-5.6-terra          .               2     12    0.2    2.5      - flex*0.5 priority*2
..                     >272k           4     18    0.4      5      - flex*0.5 priority*2
gpt-6-astra            .              10     50      1   12.5      - flex*0.5 priority*2
..                     >272k          20     75      2     25      - flex*0.5 priority*2
gpt-6-luna             .             0.1    0.5   0.01  0.125      - flex*0.5 priority*2
..                     >272k         0.2   0.75   0.02   0.25      - flex*0.5 priority*2
gpt-6-sol              .               2     10    0.2    2.5      - flex*0.5 priority*2
..                     >272k           4     15    0.4      5      - flex*0.5 priority*2
gpt-6.1-sol            .               2     10    0.1    2.5      - flex*0.5 priority*2
..                     >272k           4     15    0.2      5      - flex*0.5 priority*2
gpt-6.1-terra          .               1      5   0.05   1.25      - flex*0.5 priority*2
..                     >272k           2    7.5    0.1    2.5      - flex*0.5 priority*2
[openai] search=0.025
gpt-4.1-mini           .             0.4    1.6    0.1      -      - priority*1.75
[google]
gemini-embedding-001   .            0.15      0      -      -      -
gemini-embedding-2     .             0.2      0      -      -      - audio=6.5
[google] search=0.014
gemini-3-flash-preview .             0.5      3   0.05      -      - audio=1 priority*1.8
..                     batch        0.25    1.5   0.05      -      -
..                     flex         0.25    1.5   0.05      -      -
gemini-3.1-flash-lite  .            0.25    1.5  0.025      -      - audio=0.5 flex*0.5 priority*1.8
gemini-3.1-pro-preview .               2     12    0.2      -      - priority*1.8
..                     batch           1      6    0.2      -      -
..                     flex            1      6    0.2      -      -
..                     >200k           4     18    0.4      -      - priority*1.8
..                     >200k:batch     2      9    0.4      -      -
..                     >200k:flex      2      9    0.4      -      -
gemini-3.5-flash       .             1.5      9   0.15      -      - audio=1.5 priority*1.8
..                     flex         0.75    4.5   0.08      -      -
gemini-3.5-flash-lite  .             0.3    2.5   0.03      -      -
..                     flex         0.15   1.25   0.02      -      -
..                     priority     0.54    4.5   0.05      -      -
gemini-3.6-flash       .            0.75   3.75  0.075      -      - flex*0.5 priority*1.8
gemini-3.7-flash       .            0.75   3.75  0.075      -      - flex*0.5 priority*1.8
gemini-3.8-flash       .            0.75   3.75  0.075      -      - flex*0.5 priority*1.8
gemini-4-argon         .               2     10    0.1      -      - flex*0.5 priority*1.8
gemini-4-hydrogen      .             1.5    7.5  0.075      -      - flex*0.5 priority*1.8
"""

_PER_1M = 1_000_000
_CLASSES = (
    rates.INPUT,
    rates.OUTPUT,
    rates.CACHE_READ,
    rates.CACHE_WRITE,
    rates.CACHE_WRITE_1H,
)
_SAME = ".."
_ORDINARY = "."
_UNNAMED = "-"


def list_prices() -> Tuple[Entry, ...]:
    """Return an entry for each model of the table, in its order."""
    prices: Dict[Tuple[str, str], Dict[str, float]] = {}
    provider, shared, model = "", [], ""
    for line in _TABLE.splitlines():
        words = line.split()
        if not words or words[0] == "#":
            continue
        if words[0].startswith("["):
            provider, shared = words[0].strip("[]"), words[1:]
            continue
        is_new = words[0] != _SAME
        model = words[0] if is_new else model
        of_model = prices.setdefault((provider, model), {})
        of_model.update(_row(words[1], words[2:], shared if is_new else []))
    return tuple(
        Entry(name, seller, "", _PER_1M, tuple(known.items()))
        for (seller, name), known in prices.items()
    )


def _row(where: str, words: List[str], shared: List[str]) -> Iterator[Tuple[str, float]]:
    """Yield the prices of one line by their names."""
    condition, _, tier = where.partition(":")
    if condition in rates.TIERS:
        condition, tier = _ORDINARY, condition
    context = "" if condition == _ORDINARY else f"{rates.ABOVE}{condition[1:]}_tokens"
    named = [(name, float(word)) for name, word in zip(_CLASSES, words) if word != _UNNAMED]
    for name, price in named:
        yield name + context + rates.TIERS.get(tier, ""), price
    for word in (*shared, *words[len(_CLASSES) :]):
        what, is_factor, factor = word.partition("*")
        if not is_factor:
            yield _fee(word)
        elif what in rates.TIERS:
            for name, price in named:
                yield name + context + rates.TIERS[what], rates.times(price, factor)
        else:
            yield what if what == rates.FAST else rates.REGION + what, float(factor)


def _fee(word: str) -> Tuple[str, float]:
    what, _, price = word.partition("=")
    return {"search": rates.WEB_SEARCH, "audio": rates.INPUT_AUDIO}[what], float(price)
