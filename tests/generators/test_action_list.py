"""The action list: each dollar once, each kind of money apart."""

from __future__ import annotations

import math
from typing import Any, Dict, List

from hypothesis import given
from hypothesis import strategies as st

from finops.generators.action_list import MOST_OF_A_LIST, action_lists, most_worth

REPORTS = [{"id": name, "title": name.title()} for name in ("a", "b", "c")]


def finding(title: str, worth: Any = None, **more: Any) -> Dict[str, Any]:
    usual = {"severity": "warning", "kind": "saving", "detail": "", "overlaps": None}
    return {**usual, "title": title, "impact_usd_per_month": worth, **more}


def titles(**results: List[Dict[str, Any]]) -> Dict[str, List[str]]:
    given_results = {name: {"findings": findings} for name, findings in results.items()}
    return {
        actions.kind.title: [item.finding["title"] for item in actions.items]
        for actions in action_lists(given_results, REPORTS)
    }


def test_of_findings_about_the_same_calls_the_largest_is_listed() -> None:
    assert titles(
        a=[finding("switch", 5, overlaps="model:x"), finding("other", 1, overlaps="model:y")],
        b=[finding("shorten", 7, overlaps="model:x")],
    ) == {"Savings": ["shorten", "other"]}


def test_what_goes_further_comes_after_its_first_step() -> None:
    further = finding("a further model", 18, overlaps="model:x|further")
    first = finding("the first step", 6, overlaps="model:x")
    assert titles(a=[further, finding("more", 9), first]) == {
        "Savings": ["the first step", "a further model", "more"]
    }
    assert titles(a=[finding("more", 19), further]) == {"Savings": ["more", "a further model"]}


def test_what_is_only_known_gives_way_to_what_can_be_done() -> None:
    rise = finding("takes half of the cost", 50, kind="information", overlaps="model:x")
    assert titles(a=[rise], b=[finding("switch", 5, overlaps="model:x")]) == {"Savings": ["switch"]}
    assert titles(a=[rise]) == {"What else to know": ["takes half of the cost"]}


def test_each_kind_of_money_has_a_list() -> None:
    kinds = ("exposure", "revenue_lost", "saving", "loss", "revenue_at_risk", "quality", "new")
    listed = titles(a=[finding(kind, 1, kind=kind) for kind in kinds])
    assert listed == {
        "Savings": ["saving"],
        "Losses": ["loss"],
        "Revenue at risk": ["revenue_at_risk"],
        "Revenue lost": ["revenue_lost"],
        "Exposure": ["exposure"],
        "What else to know": ["quality", "new"],
    }


def test_what_fails_mostly_comes_before_all_money() -> None:
    failed = finding("failed calls", 5, kind="quality", severity="critical")
    listed = titles(a=[finding("saving", 90)], b=[failed, finding("slow", kind="quality")])
    assert list(listed.items()) == [
        ("Fix first", ["failed calls"]),
        ("Savings", ["saving"]),
        ("What else to know", ["slow"]),
    ]


def test_equal_worth_goes_by_severity_and_titles_come_once() -> None:
    assert titles(
        a=[finding("a", 0, severity="info"), finding("b", None, severity="critical")],
        b=[finding("b", severity="critical"), finding("c"), finding("odd", severity="odd")],
        c=[finding("good", severity="success")],
    ) == {"Savings": ["b", "c", "a", "odd"]}


def test_a_short_list_has_at_most_five_of_a_kind() -> None:
    results = {"b": {"findings": [finding(str(worth), worth) for worth in range(9)]}}
    most = most_worth(results, REPORTS)
    assert [(title, item.worth) for title, item in most] == [
        ("Savings", float(worth)) for worth in (8, 7, 6, 5, 4)
    ]
    assert len(most) == MOST_OF_A_LIST
    (actions,) = action_lists(results, REPORTS)
    assert actions.total == 36.0
    assert action_lists({"a": {}, "b": {"findings": None}}, REPORTS) == []


@given(
    st.lists(
        st.builds(
            finding,
            st.text("abc", max_size=2),
            st.one_of(st.none(), st.floats(0, 1e6)),
            kind=st.sampled_from(["saving", "loss", "quality"]),
            overlaps=st.sampled_from([None, "x", "y", "z"]),
        )
    )
)
def test_nothing_is_listed_twice_and_nothing_larger_is_left_out(drawn: Any) -> None:
    lists = action_lists({"a": {"findings": drawn}}, REPORTS)
    items = [item for actions in lists for item in actions.items]
    keys = [item.finding["overlaps"] for item in items if item.finding["overlaps"]]
    assert len(keys) == len(set(keys))
    assert len({item.finding["title"] for item in items}) == len(items)
    titles = [actions.kind.title for actions in lists]
    assert len(set(titles)) == len(titles)
    assert "Fix first" not in titles[1:]
    assert "What else to know" not in titles[:-1]
    between = [a for a in lists if a.kind.title not in ("Fix first", "What else to know")]
    sums = [math.fsum(f.finding["impact_usd_per_month"] or 0 for f in a.items) for a in between]
    assert sums == sorted(sums, reverse=True)
    for actions in lists:
        worths = [item.worth for item in actions.items]
        assert worths == sorted(worths, reverse=True)
        assert actions.total is None or actions.total == math.fsum(worths)
    if drawn:
        assert items
