"""Counters for Prometheus and whatever else reads OpenMetrics 1.0.

Labels are provider and model only, and their number is bounded: a name that no call succeeded
with and that never cost anything, as clients invent them, and whatever is beyond the 100 most
expensive of its kind, count as `other`.  Nothing is dropped.

A counter that falls is read as one that began anew at 0, and what it had is counted twice.  So
credits are a counter of their own, and what costs and credits make together is a gauge.  What
else makes a counter fall, such as other data in the place of the file, gives it a new time of
creation (see `continued`).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Callable, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from finops import schema
from finops.exporters.base import Export, Exporter, Request
from finops.exporters.numbers import number_text, usd
from finops.reader.encoding import COST, CREDIT
from finops.rollups.expressions import column
from finops.rollups.measures import Measure
from finops.rollups.protocol import CallDataset
from finops.rollups.spec import Rollups, Table
from finops.timestamps import seconds_between

OTHER = "other"
MOST_NAMES = 100  # of the models of a provider, and of the providers
_END = "# EOF\n"
_EPOCH = "1970-01-01T00:00:00.000000"
# Amounts of money as whole pico-dollars, which no float can round.
_COST = Measure("cost_pico", column(COST), schema.MAX_COST_PICO)
_CREDITS = Measure("credits_pico", column(CREDIT), schema.MAX_COST_PICO)

Labels = Tuple[str, str]  # provider, model


class Sums(NamedTuple):
    """What is counted of one provider and model; amounts of money in 10**-12 USD."""

    cost: int = 0
    credits: int = 0
    calls: int = 0
    errors: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    calls_unknown: int = 0

    def plus(self, other: Sums) -> Sums:
        """Return the sums of both."""
        return Sums(*(a + b for a, b in zip(self, other)))

    @property
    def is_real(self) -> bool:
        """Whether a provider knows the name: a call succeeded, or something was charged."""
        return self.calls > self.errors or self.cost + self.credits + self.calls_unknown > 0

    @property
    def rank(self) -> Tuple[int, int]:
        """What decides which names are kept, the largest first."""
        return self.cost, self.calls


TABLE = Table(("provider", "model"), (_COST, _CREDITS, *(name for name in Sums._fields[2:])))


class _Family(NamedTuple):
    """A metric: its name without `_total`, unit ("" for none), what it says, and its value."""

    name: str
    unit: str
    about: str
    value: Callable[[Sums], Decimal]
    is_counter: bool = True

    def lines(self, series: Mapping[Labels, Sums], created: str) -> Iterator[str]:
        """Yield its lines, those of one series together."""
        yield f"# HELP {self.name} {_escaped(self.about)}\n"
        yield f"# TYPE {self.name} {'counter' if self.is_counter else 'gauge'}\n"
        if self.unit:
            yield f"# UNIT {self.name} {self.unit}\n"
        for (provider, model), sums in series.items():
            labels = f'{{provider="{_escaped(provider)}",model="{_escaped(model)}"}}'
            total = "_total" if self.is_counter else ""
            yield f"{self.name}{total}{labels} {number_text(self.value(sums))}\n"
            if self.is_counter:
                yield f"{self.name}_created{labels} {created}\n"


def _families(data: Rollups) -> List[_Family]:
    """Return the metrics; what they say names where the data begins and what it is priced by, so
    that it is another where these are.
    """
    prices = data.prices
    of = f"since {data.period.start[:19]}Z" if data.period.start else "so far"
    priced = f"recorded, else at the list prices of {prices.source} of {prices.date}"
    return [
        _Family(
            "finops_cost_usd",
            "usd",
            f"Cost of the calls {of}: {priced}, before credits.",
            lambda sums: usd(sums.cost),
        ),
        _Family("finops_credits_usd", "usd", f"Credits {of}.", lambda sums: usd(sums.credits)),
        _Family(
            "finops_net_cost_usd",
            "usd",
            f"Cost without credits {of}.",
            lambda sums: usd(sums.cost - sums.credits),
            is_counter=False,
        ),
        _Family("finops_calls", "", f"Calls {of}.", lambda sums: Decimal(sums.calls)),
        _Family("finops_errors", "", f"Failed calls {of}.", lambda sums: Decimal(sums.errors)),
        _Family(
            "finops_unpriced_calls",
            "",
            f"Calls {of} without a cost and a price, of which the cost is a lower bound.",
            lambda sums: Decimal(sums.unpriced),
        ),
        *_token_families(of),
    ]


def _token_families(of: str) -> List[_Family]:
    return [
        _tokens("input", f"Input tokens {of}, cached ones and cache writes included.",
                lambda sums: Decimal(sums.input_tokens)),
        _tokens("output", f"Output tokens {of}, reasoning included.",
                lambda sums: Decimal(sums.output_tokens)),
        _tokens("cached_input", f"Input tokens {of} that were read from a cache.",
                lambda sums: Decimal(sums.cached_input_tokens)),
        _tokens("cache_write", f"Input tokens {of} that were written to a cache.",
                lambda sums: Decimal(sums.cache_write_tokens)),
        _tokens("reasoning", f"Output tokens {of} that were reasoning.",
                lambda sums: Decimal(sums.reasoning_tokens)),
    ]  # fmt: skip


def _tokens(kind: str, about: str, value: Callable[[Sums], Decimal]) -> _Family:
    return _Family(f"finops_{kind}_tokens", "tokens", about, value)


def export(dataset: CallDataset, request: Request) -> Export:
    """Return all metrics.  Raises DataError where the dataset cannot be read."""
    data = dataset.rollups([TABLE])
    named = {(p, m): Sums(*values) for (p, m), values in data[TABLE].items()}
    series, folded = bounded(named)
    created = _seconds(data.period.start)
    lines = [line for family in _families(data) for line in family.lines(series, created)]
    return Export([*lines, *_folded_lines(folded), _END], _remarks(folded))


def _folded_lines(folded: int) -> List[str]:
    """Return how many names are not shown; readers refuse comments, so it is a metric."""
    return [
        f"# HELP finops_folded_names {_folded(folded)}\n",
        "# TYPE finops_folded_names gauge\n",
        f"finops_folded_names {folded}\n",
    ]


def _remarks(folded: int) -> Tuple[str, ...]:
    return (_folded(folded),) if folded else ()


def _folded(count: int) -> str:
    return f"{count} {'name' if count == 1 else 'names'} folded into {OTHER}"


def _seconds(moment: str) -> str:
    """Return a time as seconds since 1970."""
    return number_text(Decimal(repr(seconds_between(_EPOCH, moment)))) if moment else "0"


def _escaped(text: str) -> str:
    """Return a label's value as it stands between its quotes.

    >>> _escaped('my "best" model')
    'my \\\\"best\\\\" model'
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


# --- labels that are bounded ---------------------------------------------------------------------


def bounded(series: Mapping[Labels, Sums]) -> Tuple[Dict[Labels, Sums], int]:
    """Return the series with names folded into `other` so that their number is bounded, in
    ascending order, and how many pairs of names were folded.
    """
    providers: Dict[str, Dict[str, Sums]] = {}
    for (provider, model), sums in series.items():
        providers.setdefault(provider, {})[model] = sums
    totals = {name: _total(list(models.values())) for name, models in providers.items()}
    kept_providers = _kept(totals)
    folded: Dict[Labels, Sums] = {}
    count = 0
    for provider, models in providers.items():
        is_kept = provider in kept_providers
        kept_models: FrozenSet[str] = _kept(models) if is_kept else frozenset()
        for model, sums in models.items():
            labels = (provider if is_kept else OTHER, model if model in kept_models else OTHER)
            count += labels != (provider, model)
            folded[labels] = folded[labels].plus(sums) if labels in folded else sums
    return {labels: folded[labels] for labels in sorted(folded)}, count


def _kept(names: Mapping[str, Sums]) -> FrozenSet[str]:
    real = [name for name, sums in names.items() if sums.is_real]
    real.sort(key=lambda name: (*(-part for part in names[name].rank), name))
    return frozenset(real[:MOST_NAMES])


def _total(parts: Sequence[Sums]) -> Sums:
    total = Sums()
    for part in parts:
        total = total.plus(part)
    return total


# --- counters that fall --------------------------------------------------------------------------

_SAMPLE = re.compile(r"(?P<name>\w+)_(?P<kind>total|created)(?P<labels>\{.*\}) (?P<value>\S+)\n?")
_HELP = re.compile(r"# HELP finops_(?:cost_usd|calls) .*")


def continued(before: str, after: str, now: float) -> str:
    """Return a text of ours that takes the place of an earlier one, with the times of creation
    of what goes on from there.

    A counter that has fallen was created `now`, in seconds since 1970, and so were all where the
    data begins at another time or is priced otherwise.  A text that is none of ours is taken for
    no earlier one.
    """
    if not before.endswith(_END):
        return after
    totals, created = _samples(before)
    values, _ = _samples(after)
    is_other = _HELP.findall(before) != _HELP.findall(after)
    lines = []
    for line in _lines(after):
        sample = _SAMPLE.fullmatch(line)
        if sample is not None and sample["kind"] == "created":
            key = sample["name"] + sample["labels"]
            has_fallen = key in totals and values.get(key, totals[key]) < totals[key]
            time = number_text(Decimal(f"{now:.3f}")) if is_other or has_fallen else ""
            time = time or created.get(key, sample["value"])
            line = f"{sample['name']}_created{sample['labels']} {time}\n"
        lines.append(line)
    return "".join(lines)


def _lines(text: str) -> List[str]:
    """Return the lines of a text; names may hold whatever else ends lines elsewhere."""
    return [line + "\n" for line in text.split("\n")[:-1]]


def _samples(text: str) -> Tuple[Dict[str, Decimal], Dict[str, str]]:
    """Return the totals and the times of creation of a text by metric and labels."""
    totals: Dict[str, Decimal] = {}
    created: Dict[str, str] = {}
    for line in _lines(text):
        sample = _SAMPLE.fullmatch(line)
        if sample is None or not _NUMBER(sample["value"]):
            continue
        key = sample["name"] + sample["labels"]
        if sample["kind"] == "total":
            totals[key] = Decimal(sample["value"])
        else:
            created[key] = sample["value"]
    return totals, created


_NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{1,20})?").fullmatch

EXPORTER = Exporter(
    "openmetrics",
    "counters of cost, calls and tokens, for Prometheus",
    export,
    continued=continued,
)
