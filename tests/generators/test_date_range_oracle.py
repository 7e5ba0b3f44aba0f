"""Pages for chosen dates, against pages made by an analysis of a file cut to those dates.

What a page shows for a range must be what the whole pipeline says of the calls in that range:
every card, column and chart that does not say "whole period".
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from finops.pipeline import Job, analyze
from finops.schema import COLUMN_NAMES
from tests.generators.test_browser import Visit
from tests.generators.usage import rows_of_a_season

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

FIRST_WEEK = ("2025-01-01", "2025-01-07")
MIDDLE = ("2025-01-19", "2025-01-28")
LAST_30 = ("2025-01-30", "2025-02-28")
# What must follow on each page: cards, and tables and charts by name.
FOLLOWING: Dict[str, Tuple[List[str], List[str], List[str]]] = {
    "understanding": (
        ["Total cost", "Calls", "Tokens"],
        [
            "by-provider", "by-model", "by-customer", "by-organization", "by-feature",
            "by-task-type", "by-product", "by-environment", "efficiency",
        ],
        ["daily-cost", "cost-by-provider", "cost-by-model", "tokens-per-dollar"],
    ),
    "alignment": (
        ["Total cost", "Unallocated", "Calls"],
        [
            "chargeback", "chargeback-products", "fair-share", "by-product", "by-feature",
            "by-environment",
        ],
        ["organizations", "shares"],
    ),
    "geographic_latency": (
        ["Average latency", "SLA compliance", "Calls above the SLA"],
        ["regions", "providers"],
        ["regions", "daily-latency", "providers"],
    ),
    "performance": (
        ["p95 latency", "Median latency", "p99 latency", "SLA compliance", "Error rate", "Calls"],
        ["models", "compliance", "tasks"],
        ["daily-latency", "daily-errors", "price-and-speed", "throughput", "violations"],
    ),
    "realtime": (
        ["Error rate"],
        ["provider-shares"],
        ["daily-cost", "shares"],
    ),
    "dataset_overview": (
        ["Total cost", "Calls", "Tokens", "Success rate"],
        [],
        ["daily-cost", "daily-calls"],
    ),
    "token_economics": (
        ["Total cost", "Cost per 1M tokens", "Tokens per dollar", "Tokens"],
        ["efficiency"],
        ["daily-tokens", "cost-per-1m"],
    ),
}  # fmt: skip

# Tables that come in the order of another one.
WITHOUT_ORDER = ("chargeback-products",)

SHOWN = """() => {
  for (const button of document.querySelectorAll(".more button:not([hidden])")) button.click();
  const text = (root, of) => [...root.querySelectorAll(of)].map((one) => one.textContent);
  const marked = (root) => /^whole period/i.test(text(root, ":scope > .covers")[0] || "");
  const drawn = Object.values(Chart.instances).map((c) => [c.canvas.closest("figure"), c.data]);
  return {
    cards: [...document.querySelectorAll(".card")].filter((c) => !marked(c))
      .map((c) => [text(c, "dt")[0], text(c, ".figure")[0]]),
    tables: [...document.querySelectorAll("section.table[id]")].filter((t) => !marked(t))
      .map((t) => [t.id.slice(6), text(t, "thead th:not(.spark)"),
        [...t.querySelectorAll("tbody tr")].map((row) => text(row, "td:not(.spark)"))]),
    charts: drawn.filter(([root]) => !marked(root)).map(([root, data]) => [root.id.slice(6),
      data.labels || [], data.datasets.map((one) => [one.label, one.data])]),
    numbers: drawn.filter(([root]) => !marked(root)).map(([root]) => [root.id.slice(6),
      [...root.querySelectorAll("tbody tr")].map((row) => text(row, "td"))]),
  };
}"""


def write_csv(path: Path, rows: List[Dict[str, str]]) -> Path:
    with open(str(path), "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMN_NAMES, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def slow_somewhere(number: int, row: Dict[str, str]) -> Dict[str, str]:
    """Return a call of one of three regions, now and then above the service level."""
    region = ("us-east", "eu-central", "ap-southeast")[number % 3]
    latency = int(row["latency_ms"]) * (1 + number % 11 * (number % 3))
    return dict(row, region=region, latency_ms=str(latency))


@pytest.fixture(scope="module")
def reports(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return the folder on the site with the reports of the calls between two dates."""
    rows = [slow_somewhere(number, row) for number, row in enumerate(rows_of_a_season(4000, 56))]
    rows.sort(key=lambda row: row["timestamp"])
    made: Dict[Tuple[str, ...], str] = {}

    def of(*dates: str) -> str:
        if dates not in made:
            name = "-".join(("range", *dates))
            kept = [r for r in rows if not dates or dates[0] <= r["timestamp"][:10] <= dates[1]]
            data = write_csv(tmp_path_factory.mktemp("cut") / "calls.csv", kept)
            outcome = analyze(Job(data, site / name, cache=False))
            assert not outcome.failed
            made[dates] = name
        return made[dates]

    return of


@pytest.fixture(scope="module")
def visit(browser: Any, address: str, reports: Callable[..., str]) -> Iterator[Visit]:
    """One page for all: each test goes where it wants to be."""
    opened = Visit(browser, f"{address}/{reports()}/index.html")
    yield opened
    opened.context.close()


def shown(visit: Visit, url: str) -> Dict[str, Any]:
    visit.complaints.clear()
    visit.page.goto("about:blank")  # so that a page is loaded anew for other dates, too
    visit.page.goto(url)
    visit.wait_until("Boolean(window.Chart) && Object.keys(Chart.instances).length > 0")
    visit.wait_for_charts(int(visit.page.evaluate("document.querySelectorAll('canvas').length")))
    found: Dict[str, Any] = visit.page.evaluate(SHOWN)
    assert visit.complaints == []
    return found


@pytest.mark.parametrize("dates", [FIRST_WEEK, MIDDLE, LAST_30], ids="..".join)
@pytest.mark.parametrize("name", list(FOLLOWING))
def test_a_page_for_dates_is_the_page_of_these_dates(
    visit: Visit, address: str, reports: Callable[..., str], name: str, dates: Tuple[str, str]
) -> None:
    range_ = f"#range={dates[0]}..{dates[1]}"
    chosen = shown(visit, f"{address}/{reports()}/{name}.html{range_}")
    alone = shown(visit, f"{address}/{reports(*dates)}/{name}.html")
    cards, tables, charts = FOLLOWING[name]
    assert [label for label, _ in chosen["cards"]] == cards
    assert {table[0] for table in chosen["tables"]} == set(tables)
    assert {chart[0] for chart in chosen["charts"]} == set(charts)
    check_cards(chosen, alone)
    check_tables(chosen, alone)
    check_charts(chosen, alone, dates[1])


def check_cards(chosen: Dict[str, Any], alone: Dict[str, Any]) -> None:
    figures = dict(alone["cards"])
    for label, figure in chosen["cards"]:
        assert figure == figures[label], label


def check_tables(chosen: Dict[str, Any], alone: Dict[str, Any]) -> None:
    wanted = {name: (heads, rows) for name, heads, rows in alone["tables"]}
    for name, heads, rows in chosen["tables"]:
        follow = [at for at, head in enumerate(heads) if "(whole period)" not in head]
        assert [heads[at] for at in follow] == [wanted[name][0][at] for at in follow]
        found = [[row[at] for at in follow] for row in rows]
        exact = [[row[at] for at in follow] for row in wanted[name][1]]
        in_order = sorted if name in WITHOUT_ORDER else list
        assert in_order(found) == in_order(exact), name


def check_charts(chosen: Dict[str, Any], alone: Dict[str, Any], last: str) -> None:
    wanted = {name: (labels, series) for name, labels, series in alone["charts"]}
    quiet = {}
    for name, labels, series in chosen["charts"]:
        # Days of the range before the first call are none of the page alone: nothing happened.
        exact_labels = wanted[name][0]
        first = exact_labels[0] if exact_labels else ""
        early = quiet[name] = labels.index(first) if is_date(first) else 0
        of_range = len([one for one in exact_labels if not is_after(one, last)])
        assert labels[early:] == exact_labels[:of_range], name
        others = dict(map(tuple, wanted[name][1]))
        only_alone = set(others) - {label for label, _ in series}
        assert all(label.lower().endswith("partial day") for label in only_alone)
        for label, every in series:
            values = every[early:]
            assert label in LIMITS or not any(every[:early]), name
            exact = others[label]
            numbers = compared(flat(values), flat(exact)[: len(flat(values))])
            assert numbers[0] == pytest.approx(numbers[1], rel=1e-6), name
    rows = dict(map(tuple, chosen["numbers"]))
    for name, cells in alone["numbers"]:
        # The cost of a partial day stands in a column of its own.
        own = rows.get(name, [])[quiet.get(name, 0) :]
        shown_cells = [list(filter(None, row)) for row in own]
        assert shown_cells == [list(filter(None, row)) for row in cells[: len(shown_cells)]], name


# Series that are the same on every day.
LIMITS = ("SLA",)


def is_date(label: str) -> bool:
    """Return whether a label is a day."""
    return bool(re.match(r"\d{4}-\d\d-\d\d$", label))


def is_after(label: Any, last: str) -> bool:
    """Whether a label is a day after the range, such as those of a forecast."""
    return isinstance(label, str) and label[:4] == "2025" and label[:10] > last


def compared(chosen: List[float], alone: List[float]) -> Tuple[List[float], List[float]]:
    """Return both series without an end that only the shorter data leaves out of the line.

    Its first day may begin with a call at noon: then it is partial there, and whole in all data.
    """
    kept = [at for at, exact in enumerate(alone) if exact != -1 or at not in (0, len(alone) - 1)]
    assert len(chosen) == len(alone)
    assert len(kept) >= len(alone) - 2
    return [chosen[at] for at in kept], [alone[at] for at in kept]


def flat(values: List[Any]) -> List[float]:
    """Return bars as they are and points as their numbers, gaps as -1."""
    flattened: List[float] = []
    for one in values:
        flattened += [one["x"], one["y"]] if isinstance(one, dict) else [-1 if one is None else one]
    return flattened
