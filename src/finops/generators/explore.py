"""The Explore page: every combination of filters over the calls, without a server.

Totals and the first chart are drawn here, so that the page says something where no script runs;
the script does all filtering from the cube that the page carries.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Container, Dict, Iterable, List, Mapping, Optional, Union

from finops.atomic import write_aside
from finops.generators import formatting, svg
from finops.generators.charts import UNKNOWN_COSTS, cut_short, partial_ends
from finops.generators.components import Data, Part, lower_bound, small_unit
from finops.generators.explore_data import explore_data
from finops.generators.markup import Markup, fill, join, token
from finops.generators.page import EXPLORE_BUNDLE, Report, asset, render
from finops.results.base import from_dict
from finops.results.explore import CELL_MEASURES, ExploreCube
from finops.results.long_lists import count_of
from finops.results.profitability import CustomerMargin, ProfitabilityResult

REPORT = Report(
    "explore",
    "Explore",
    "Follow any name: filter the calls by any combination of names and dates.",
)
# A page of the default dataset is well below; no page is above.
MOST_BYTES = 4_000_000
# What is said of a customer takes more, whatever its figures are.
LEAST_FACTS_BYTES = 120
_MOST_BARS = 120
_DIMENSIONS = {
    "provider": "Providers",
    "model": "Models",
    "customer": "Customers",
    "organization": "Organizations",
    "product": "Products",
    "feature": "Features",
    "environment": "Environments",
}
# Lists below each other, so that the columns are about as long as each other.
_COLUMNS = (
    ("provider", "feature", "environment"),
    ("model", "product"),
    ("customer", "organization"),
)
_CARDS = (
    ("explore-cost", "Cost"),
    ("explore-calls", "Calls"),
    ("explore-tokens", "Tokens"),
    ("explore-cached", "Cached share of input"),
    ("explore-errors", "Failed calls"),
    ("explore-per-call", "Cost per call"),
)
_PRESETS = (7, 30, 90)


def write_explore(
    cubes: Iterable[ExploreCube],
    results: Mapping[str, Data],
    context: Data,
    output_path: Union[str, Path],
    most_bytes: int = MOST_BYTES,
) -> None:
    """Write the page of the first cube that fits into it.

    `cubes` come from the finest; `results` holds what other reports say of customers, by id.
    Where none fits the last one is taken.  Raises OSError where the file cannot be written.
    """
    known = from_dict(ProfitabilityResult, results.get("profitability") or {})
    page: Optional[str] = None
    for cube in cubes:
        page = _page(cube, known, context)
        if len(page) <= most_bytes:
            break
    if page is not None:
        write_aside(output_path, page)


def names_all(results: Mapping[str, Data], most_bytes: int = MOST_BYTES) -> bool:
    """Return whether a page may have room for what is said of every customer.

    It says so without making one, which takes long where there are tens of thousands.
    """
    rows = (results.get("profitability") or {}).get("customers") or ()
    return count_of(rows) * LEAST_FACTS_BYTES <= most_bytes


def explore_page(cube: ExploreCube, results: Mapping[str, Data], context: Data) -> str:
    """Return the page of one cube; `results` as `write_explore` takes them."""
    known = from_dict(ProfitabilityResult, results.get("profitability") or {})
    return _page(cube, known, context)


def _page(cube: ExploreCube, known: ProfitabilityResult, context: Data) -> str:
    """Return the page of one cube; `known` has what is known of customers."""
    customers = _customers(known, {account.customer for account in cube.accounts})
    body = fill(
        asset("explore.html"),
        notes=_notes(cube),
        cards=_cards(cube),
        presets=_presets(cube),
        options=join(
            fill('<option value="$name">$title</option>', name=token(name), title=name.capitalize())
            for name in _DIMENSIONS
        ),
        drawing=_drawing(cube),
        remarks=cut_short({"_context": context}) + (UNKNOWN_COSTS if _unpriced(cube) else ""),
        numbers=_numbers(cube),
        lists=join(
            fill("<div>$lists</div>", lists=join(map(_list, column))) for column in _COLUMNS
        ),
    )
    data = explore_data(cube, customers, context.get("events") or ())
    data["partial"] = partial_ends({"_context": context})
    return render(REPORT, context, [Part(body, {"explore": data})], bundle=EXPLORE_BUNDLE)


def _list(dimension: str) -> Markup:
    """Return the place of a dimension's list."""
    return fill(
        '<section id="explore-by-$name"><h2>$title</h2></section>',
        name=token(dimension),
        title=_DIMENSIONS[dimension],
    )


def _customers(known: ProfitabilityResult, named: Container[Optional[str]]) -> Dict[str, Any]:
    """Return what the page shows of customers that it names beside the calls, by name."""
    advice = {row.customer_id: row.advice for row in known.advice if row.customer_id in named}
    return {
        row.customer_id: _facts(row, advice.get(row.customer_id, ""))
        for row in known.customers
        if row.customer_id in named
    }


def _facts(row: CustomerMargin, advice: str) -> Dict[str, Any]:
    """Return what the page shows of one customer beside its calls."""
    return {
        "figures": [
            ["Revenue per month", "money", row.monthly_revenue, row.subscription_tier],
            ["AI cost per month", "money", row.monthly_cost, "over the customer's days"],
            ["Margin per month", "money", row.monthly_margin, _words(row.category)],
        ],
        "advice": formatting.with_dates(advice),
    }


def _words(category: Optional[str]) -> str:
    return (category or "").replace("_", " ")


def _cached_share(cached: int, inputs: int, is_known: bool) -> str:
    """Return the share of input read from a cache: a lower bound where some sources do not say.

    Without one cached token none of them does.
    """
    share = cached / inputs if inputs and cached else None
    text = formatting.share(share)
    return text if is_known or share is None else lower_bound(text, share)


def _cards(cube: ExploreCube) -> Markup:
    """Return the figures of the whole period; the script puts in those of the filters."""
    sums = dict(zip(CELL_MEASURES, map(sum, cube.sums)))
    cost = sums["cost"] / 10**cube.decimals
    tokens = sums["input"] + sums["output"]
    calls, inputs = sums["calls"], sums["input"]
    judged = calls - sums["unknown_status"]
    values = (
        lower_bound(formatting.money(cost), cost) if sums["unpriced"] else formatting.money(cost),
        lower_bound(formatting.count(calls), calls)
        if sums["uncounted"]
        else formatting.count(calls),
        formatting.readable("tokens", tokens),
        _cached_share(sums["read"], inputs, cube.cache_is_known),
        formatting.share(sums["errors"] / judged if judged else None),
        formatting.money(
            cost / calls
            if calls and cost >= 0 and sums["unpriced"] + sums["uncounted"] == 0
            else None
        ),
    )
    return join(
        fill(
            '<div class="card" id="$name"><dt>$label</dt><dd class="figure">$value</dd>'
            '<dd class="note"></dd></div>',
            name=token(name),
            label=label,
            value=small_unit(value),
        )
        for (name, label), value in zip(_CARDS, values)
    )


def _presets(cube: ExploreCube) -> Markup:
    days = sum(bucket.days for bucket in cube.buckets)
    return join(
        fill('<button type="button" data-days="$days">Last $days days</button>', days=token(preset))
        for preset in _PRESETS
        if preset < days
    )


def _daily(cube: ExploreCube) -> List[float]:
    """Return the cost per day of each bar: a bucket, or several where they are many."""
    costs = [0] * len(cube.buckets)
    for key, cost in zip(cube.keys, cube.sums[0]):
        costs[key % len(costs)] += cost
    per = -(-len(costs) // _MOST_BARS)
    bars = []
    for at in range(0, len(costs), per or 1):
        days = sum(bucket.days for bucket in cube.buckets[at : at + per])
        bars.append(sum(costs[at : at + per]) / 10**cube.decimals / days)
    return bars


def _first_days(cube: ExploreCube) -> List[str]:
    per = -(-len(cube.buckets) // _MOST_BARS)
    return [bucket.first for bucket in cube.buckets[:: per or 1]]


def _unpriced(cube: ExploreCube) -> int:
    """Return of how many calls the cost is not known."""
    return sum(cube.sums[CELL_MEASURES.index("unpriced")])


def _drawing(cube: ExploreCube) -> Markup:
    days = _first_days(cube)
    if not days:
        return fill('<p class="empty">$text</p>', text="There are no calls.")
    if not any(cube.sums[0]):
        unpriced = _unpriced(cube)
        text = "The cost of these calls is not known." if unpriced else "These calls cost nothing."
        return fill('<p class="empty">$text</p>', text=text)
    years = days[0][:4] != days[-1][:4]
    labels = [formatting.short_day(day, years) for day in days]
    stroke = svg.Stroke("Cost", _daily(cube), "accent")
    return fill(
        '<p class="axis">$axis</p>$drawing',
        axis="Cost (USD per day)",
        drawing=svg.bars(svg.Plot(labels, [stroke], "money", dates=True), stacked=False),
    )


def _numbers(cube: ExploreCube) -> Markup:
    if not any(cube.sums[0]):
        return Markup("")
    return join(
        fill(
            '<tr><th scope="row">$day</th><td>$cost</td></tr>', day=day, cost=formatting.money(cost)
        )
        for day, cost in zip(_first_days(cube), _daily(cube))
    )


def _notes(cube: ExploreCube) -> Markup:
    sentences = list(cube.grouped)
    if cube.rounded:
        sentences.append(f"Costs are rounded to {cube.decimals} decimals of a dollar.")
    if not sentences:
        return Markup("")
    return fill('<p class="lead">$text</p>', text=" ".join(sentences))
