"""The Explore page: what it carries is the cube, and what it says fits."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any, Dict, List

from finops.analyzers.shared.explore_cube import explore_cubes
from finops.generators.explore import (
    LEAST_FACTS_BYTES,
    explore_page,
    names_all,
    write_explore,
)
from finops.generators.explore_data import explore_data
from finops.generators.formatting import MISSING
from finops.results.explore import ExploreCube
from tests.generators.pages import CONTEXT, Page, results_of
from tests.support.reference import ReferenceDataset
from tests.support.rows import varied_rows

ROWS = varied_rows(300, seed=9)
CUBE = next(explore_cubes(ReferenceDataset(ROWS)))


def keys_of(data: bytes) -> List[int]:
    """Read gaps between numbers, seven bits a byte, and add them up."""
    keys, number, shift, gap = [], 0, 0, 0
    for byte in data:
        gap |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            number += gap
            keys.append(number)
            shift = gap = 0
    return keys


def test_the_page_carries_every_key_and_sum() -> None:
    data = explore_data(CUBE, {})
    packed = zlib.decompress(base64.b64decode(data["packed"]))
    assert len(packed) == data["size"]
    assert keys_of(packed[: data["keys"]]) == list(CUBE.keys)
    start = data["keys"]
    for (_, low, size), column in zip(data["columns"], CUBE.sums):
        planes = [packed[start + p * len(column) : start + (p + 1) * len(column)]
                  for p in range(size)]  # fmt: skip
        start += size * len(column)
        values = [low + sum(plane[at] << 8 * p for p, plane in enumerate(planes))
                  for at in range(len(column))]  # fmt: skip
        assert values == list(column)
    assert start == len(packed)


def test_the_page_says_its_totals_without_scripts() -> None:
    page = Page(explore_page(CUBE, results_of(ROWS, ["profitability"]), CONTEXT))
    cost = sum(float(row["cost_usd"]) for row in ROWS)
    assert page.says(f"Cost ${cost:,.2f} Calls 300")
    assert page.says("Scripts are off")
    assert page.values_of("d")
    assert set(page.data["explore"]["customers"]) <= {row["customer_id"] for row in ROWS}


def test_the_first_cube_that_fits_is_taken_and_else_the_last(tmp_path: Path) -> None:
    small: ExploreCube = CUBE._replace(grouped=["This is the small one."])
    whole = len(explore_page(CUBE, {}, CONTEXT))

    def written(most: int, *cubes: Any) -> str:
        write_explore(cubes, {}, CONTEXT, tmp_path / "explore.html", most)
        return (tmp_path / "explore.html").read_text(encoding="utf-8")

    assert "This is the small one." not in written(whole, CUBE, small)
    assert "This is the small one." in written(whole - 1, CUBE, small)


def test_a_dataset_without_calls_has_a_page_that_says_so() -> None:
    empty = CUBE._replace(buckets=[], keys=[], sums=[[] for _ in CUBE.sums], accounts=[], work=[],
                          models=[], environments=[], whole_days=("", ""))  # fmt: skip
    assert Page(explore_page(empty, {}, CONTEXT)).says("There are no calls.")


def drawing_of(rows: List[Dict[str, str]]) -> str:
    """Return what stands in the place of the drawing before a script runs."""
    page = explore_page(next(iter(explore_cubes(ReferenceDataset(rows)))), {}, CONTEXT)
    return page.partition('id="explore-drawing"')[2].partition("<details")[0]


def test_no_cost_has_no_axis() -> None:
    rows = [{**row, "model": "nobody-knows", "cost_usd": ""} for row in varied_rows(40)]
    assert "The cost of these calls is not known." in drawing_of(rows)
    free = [{**row, "cost_usd": "0"} for row in rows]
    assert "These calls cost nothing." in drawing_of(free)
    for each in (rows, free):
        assert "$0.00" not in drawing_of(each)
    assert "$0.00" in drawing_of(varied_rows(40))  # where an axis begins


def test_a_chart_says_that_it_leaves_out_unknown_costs() -> None:
    rows = varied_rows(40)
    rows[0] = {**rows[0], "model": "nobody-knows", "cost_usd": ""}
    page = Page(explore_page(next(iter(explore_cubes(ReferenceDataset(rows)))), {}, CONTEXT))
    assert page.says("Cost per day of the whole period; calls of unknown cost are left out")
    assert not Page(explore_page(CUBE, {}, CONTEXT)).says("left out")


def figures_of(rows: List[Dict[str, str]]) -> Dict[str, str]:
    """Return what the page says before a script runs: label and figure of each card."""
    page = explore_page(next(iter(explore_cubes(ReferenceDataset(rows)))), {}, CONTEXT)
    cards = re.findall(r'<dt>([^<]*)</dt><dd class="figure">([^<]*)</dd>', page)
    return dict(cards)


def test_what_no_call_says_is_not_a_zero() -> None:
    rows = [{**row, "cached_input_tokens": ""} for row in varied_rows(40)]
    assert figures_of(rows)["Cached share of input"] == MISSING
    rows[0] = {**rows[0], "input_tokens": "1000", "cached_input_tokens": "500"}
    assert figures_of(rows)["Cached share of input"].endswith("%")
    assert not figures_of(rows)["Cached share of input"].startswith("≥")
    rows[1] = {**rows[1], "source": "plain"}
    assert figures_of(rows)["Cached share of input"].startswith("≥ ")


def test_a_ratio_of_a_lower_bound_is_not_given() -> None:
    rows = varied_rows(40)
    assert figures_of(rows)["Cost per call"].startswith("$")
    rows[0] = {**rows[0], "model": "nobody-knows", "cost_usd": ""}
    figures = figures_of(rows)
    assert figures["Cost"].startswith("≥ $")
    assert figures["Cost per call"] == MISSING


def test_what_is_said_of_a_customer_takes_the_least_bytes() -> None:
    results = results_of(ROWS, ["profitability"])
    count = len(results["profitability"]["customers"])
    assert count
    assert names_all(results, count * LEAST_FACTS_BYTES)
    assert not names_all(results, count * LEAST_FACTS_BYTES - 1)
    assert names_all({}, 0)
    facts = Page(explore_page(CUBE, results, CONTEXT)).data["explore"]["customers"]
    for about in facts.values():
        for figure in about["figures"]:
            figure[2] = 0
        assert len(json.dumps({**about, "advice": ""}, separators=(",", ":"))) > LEAST_FACTS_BYTES


def test_without_room_for_all_names_the_first_cube_groups_customers() -> None:
    rows = [{**row, "customer_id": f"c{n}"} for n, row in enumerate(varied_rows(1001))]
    dataset = ReferenceDataset(rows)
    all_named = next(iter(explore_cubes(dataset)))
    grouped = next(iter(explore_cubes(dataset, all_named=False)))
    assert {account.customer for account in all_named.accounts} == {f"c{n}" for n in range(1001)}
    names = {account.customer for account in grouped.accounts}
    assert len(names) == 1001
    assert None in names
