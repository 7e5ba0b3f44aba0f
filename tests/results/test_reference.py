"""The reference of the keys is made from the types, and says what each of them means."""

from __future__ import annotations

import doctest
import json
import re
import sys
from pathlib import Path
from typing import Any, Iterator, Set, Tuple

import pytest

from finops.registry import ANALYZER_REGISTRY
from finops.results.glossary import MEANINGS
from tests.results.test_base import results

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.version_info < (3, 9), reason="writing source again came with 3.9"),
]


@pytest.fixture(scope="module")
def reference() -> Any:
    from scripts import results_reference

    return results_reference


def test_doctests(reference: Any) -> None:
    assert doctest.testmod(reference).failed == 0


def test_the_page_is_up_to_date(reference: Any) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page == reference.page(), "run 'make reference'"


def test_a_page_that_is_out_of_date_is_told(
    reference: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "results.md")
    monkeypatch.setattr(sys, "argv", ["results_reference.py", "--check"])
    assert reference.main() == 1
    monkeypatch.setattr(sys, "argv", ["results_reference.py"])
    assert reference.main() == 0
    monkeypatch.setattr(sys, "argv", ["results_reference.py", "--check"])
    assert reference.main() == 0


def test_a_key_without_a_meaning_is_refused(
    reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(MEANINGS, "total_calls")
    with pytest.raises(ValueError, match="total_calls"):
        reference.page()


def test_the_glossary_explains_no_key_that_there_is_not(reference: Any) -> None:
    fields = {
        field.name
        for path in reference.RESULTS.glob("*.py")
        for section in reference.sections_of(path).values()
        for field in section.fields
    }
    assert set(MEANINGS) <= fields


def keys_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


# Objects whose keys are data, and what is packed for the pages.
BY_DATA: Tuple[str, ...] = (
    "product_breakdown",
    "status_distribution",
    "error_types",
    "revenue",
    "subject",
    "unchecked",
)


@pytest.mark.parametrize("name", ANALYZER_REGISTRY)
def test_every_key_of_a_result_is_on_the_page(name: str) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    part = page.split(f"(`{name}.json`)", 1)[1].split("\n## ", 1)[0]
    documented: Set[str] = set(re.findall(r"^\| `(\w+)` \|", part, re.M))
    hidden = ("_context", "by_day", "percentiles_by_day")
    result = {key: value for key, value in results()[name].items() if key not in hidden}
    text = json.dumps(result)
    plain = json.loads(text, object_hook=lambda one: {k: v for k, v in one.items()})
    for key in BY_DATA:
        for row in rows_with(plain, key):
            row[key] = None
    assert set(keys_of(plain)) <= documented


def rows_with(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if isinstance(value.get(key), dict):
            yield value
        for inner in value.values():
            yield from rows_with(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from rows_with(inner, key)
