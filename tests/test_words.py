"""Sentences that were replaced by the words of the field do not come back."""

from __future__ import annotations

import re
from typing import List

import pytest

from tests.support.tools import ROOT

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

REPLACED = (
    "should have been told",
    "no ordinary customer does",
    "looked for:",
    "Looked for",
    "What these figures rest on",
    "findings of most worth",
    "is taken to go on like this",
    "does the work of",
    "more a token",
    "that a plan can bear",
    "is a lever from",
    "Least spread of ordinary",
    "Whose share of the cost",
    "How much hangs on",
    "keeps the service level",
    "service level is kept",
    "burn their subscription",
    "hopping between regions",
    "that no traveller makes",
    "cut short",
    "is renewed with it",
    "Somebody joins exports",
    "looks back over",
    "tried ahead",
    "prices a month for advice",
    "Nobody left",
    "belongs to nobody",
    "last good page",
    "is looked at every",
    "server does not answer",
    "file shall be",
    "plant nothing",
    "number gives the same bytes",
    "play this scenario",
    "traceback of any trouble",
    "JSON file of ours",
    "do not renew reports",
    "a defect of this program",
    "found first",
    "mend the disk",
    "its last report stays",
    "the money of AI features",
    "who caused the call",
    "did not live to tell",
    "in a process of its own",
    "is returned cut off",
    "are looked at at a time",
    "nobody needs to see it",
    "dearest",
    "whoever",
    "Whoever",
    "can be had",
    "cannot be had",
    "nobody knows",
    "Nobody knows",
    "nothing is said of",
    "is to be tested",
    "a token costs where",
    "the gravest first",
    "stand in the reports",
)
WORD_DEAR = re.compile(r"\bdear(er)?\b")
SUFFIXES = (".py", ".js", ".html", ".css", ".md")


def sources() -> List[str]:
    """Return the paths of what is read by users and by developers."""
    folders = [ROOT / "src", ROOT / "showcase"]
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in SUFFIXES]
    return [path.relative_to(ROOT).as_posix() for path in [*sorted(paths), ROOT / "README.md"]]


@pytest.mark.parametrize("phrase", REPLACED)
def test_a_replaced_sentence_is_nowhere(phrase: str) -> None:
    assert [name for name in sources() if phrase in (ROOT / name).read_text("utf-8")] == []


def test_what_costs_much_is_expensive() -> None:
    assert [name for name in sources() if WORD_DEAR.search((ROOT / name).read_text("utf-8"))] == []
