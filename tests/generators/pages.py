"""What the tests of the pages share: parsing a page, a context, results of small datasets."""

from __future__ import annotations

import json
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from finops.generators.contrast import COLUMN_WORDS, Contrast
from finops.generators.packed_sums import ALPHABET
from finops.generators.page import Report
from finops.registry import ANALYZER_REGISTRY
from tests.support.reference import ReferenceDataset

REPORT = Report("sample", "Sample", "What a sample shows.")
VALUE = Contrast(("customer_id",), "No customer has a cost.", "Each customer has a cost.")
PLACES = [{"file": "calls.csv", "line": number, "text": "x,y"} for number in range(4, 13)]
CONTEXT: Dict[str, Any] = {
    "dataset": "calls.csv",
    "period_start": "2025-01-01T00:00:13.000000",
    "period_end": "2025-03-31T23:58:00.000000",
    "size_bytes": 52_428_800,
    "generated_at": "2025-04-01T08:15:30Z",
    "accounting": {
        "lines": 1014,
        "header": 1,
        "used": 1000,
        "skipped": [{"reason": "cost_usd is not a number", "rows": 9, "places": PLACES}],
        "repeated_headers": 2,
        "blank": 1,
        "incomplete_tail": 1,
        "notes": ["The file begins with a byte order mark."],
    },
    "prices": {"source": "built-in list prices", "date": "2026-11"},
    "calls": 1000,
    "providers": 7,
    "models": 24,
    "coverage": dict.fromkeys(COLUMN_WORDS, 100.0),
    "unpriced_calls": 12,
    "reports": [{"id": name, "title": one.title} for name, one in ANALYZER_REGISTRY.items()],
}
_VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """A parsed page: `tags` with their attributes' names in order, `text`, `blocks` of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: List[Tuple[str, Tuple[str, ...]]] = []
        self.attributes: List[Tuple[str, str, Optional[str]]] = []
        self.text: List[str] = []
        self.scripts: List[Tuple[Dict[str, Optional[str]], str]] = []
        self.styles: List[str] = []
        self._open: List[str] = []
        self._inside: List[Dict[str, Optional[str]]] = []
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)
            self._inside.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))
        assert self._open.pop() == tag
        self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts.append((self._inside[-1], data))
        elif self._open and self._open[-1] == "style":
            self.styles.append(data)
        elif data.strip():
            self.text.append(data)

    @property
    def data(self) -> Any:
        """The JSON block."""
        return json.loads(next(b for a, b in self.scripts if a.get("id") == "page-data"))

    @property
    def script(self) -> str:
        """The inline script that runs."""
        return next(b for a, b in self.scripts if not a)

    def says(self, words: str) -> bool:
        """Whether the words stand in the text, white space aside."""
        return words in " ".join(" ".join(self.text).split())

    def values_of(self, name: str) -> List[str]:
        """All values of one attribute."""
        return [value or "" for _, attribute, value in self.attributes if attribute == name]


def unpacked(text: str, bins: int) -> List[int]:
    """Return the whole numbers of a packed text."""
    width = len(text) // bins if bins else 0
    numbers = []
    for start in range(0, width * bins, width or 1):
        number = 0
        for digit in text[start : start + width]:
            number = number * 88 + ALPHABET.index(digit)
        numbers.append(number)
    return numbers or [0] * bins


def ranged_days(page: Page) -> List[str]:
    """Return the days with calls that a page carries."""
    ranged = page.data["ranged"]
    first = date(*map(int, ranged["first"].split("-")))
    places = [n for n in range(ranged["length"]) if n not in ranged["absent"]]
    return [(first + timedelta(n)).isoformat() for n in places]


def ranged_values(page: Page, measure: str) -> List[float]:
    """Return what a page carries of a measure for each of these days."""
    one = page.data["ranged"]["measures"][measure]
    if "values" in one:
        return list(one["values"])
    return [n / one["scale"] for n in unpacked(one["digits"], len(ranged_days(page)))]


def results_of(
    rows: Iterable[Mapping[str, str]], names: Optional[Iterable[str]] = None
) -> Dict[str, Dict[str, Any]]:
    """Return the results of the analyses over rows, each with the context."""
    dataset = ReferenceDataset(rows)
    found = {}
    for name in names or ANALYZER_REGISTRY:
        analyzer = ANALYZER_REGISTRY[name].analyzer
        result = analyzer(dataset).compute(dataset.rollups(analyzer.TABLES))
        found[name] = with_context(name, result)
    return found


def with_context(name: str, result: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the result of an analysis with what a generator is told beside it."""
    about = {"title": ANALYZER_REGISTRY[name].title, "purpose": ANALYZER_REGISTRY[name].purpose}
    return dict(result, _context=dict(CONTEXT, report=about))
