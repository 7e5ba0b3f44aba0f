"""The targets of the fuzzer, run on their seeds, on what it found, and on changes of both.

The coverage-guided fuzzer (`make fuzz`) needs a tool that not every Python has; this runs the
same targets within the same limits everywhere.  What once broke one is kept in `tests/corpus`.
"""

from __future__ import annotations

import random
import sys
import time
import tracemalloc
from typing import List, Tuple

import pytest

from scripts.fuzz.limits import MOST_MEGABYTES, MOST_SECONDS, TooSlowError, run_within_limits
from scripts.fuzz.targets import CORPUS, TARGETS, WORDS, Target, corpus_of

SEED = 20_250_301
# The newest Python has a smoke run of the fuzzer besides, and these are as many as it needs.
SHARE = 2 if sys.version_info >= (3, 10) else 10


def inputs_of(name: str) -> List[Tuple[str, bytes]]:
    seeds = [(f"seed {n}", seed) for n, seed in enumerate(TARGETS[name].seeds)]
    return [*seeds, *corpus_of(name)]


@pytest.mark.parametrize("name", list(TARGETS))
def test_seeds_and_corpus(name: str) -> None:
    for label, data in inputs_of(name):
        tracemalloc.start()
        try:
            run_within_limits(TARGETS[name], data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < MOST_MEGABYTES << 20, label


def changed(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Return an input with one to four changes: bytes, words, repetitions, parts of another."""
    for _ in range(draw.randrange(1, 5)):
        start = draw.randrange(len(data) + 1)
        end = min(len(data), start + draw.choice((0, 0, 1, 2, 8, 64)))
        word = draw.choice(WORDS).encode("latin-1")
        put = draw.choice(
            (
                bytes([draw.randrange(256)]),
                word,
                b'"' + word + b'"',
                data[start:end] * draw.choice((2, 100)),
                other[draw.randrange(len(other) + 1) :],
                b"",
            )
        )
        data = data[:start] + put + data[end:]
    return data


@pytest.mark.parametrize("name", list(TARGETS))
def test_changed_inputs(name: str) -> None:
    target = TARGETS[name]
    kept = [data for _, data in inputs_of(name)]
    draw = random.Random(f"{SEED}:{name}")
    changes = target.changes if target.most > 256 else 10 * target.changes
    for number in range(changes // SHARE):
        data = changed(draw, draw.choice(kept), draw.choice(kept))[: target.most]
        try:
            run_within_limits(target, data)
        except Exception as error:
            raise AssertionError(f"change {number} of {name}: {data!r}") from error


def test_the_corpus_has_a_target_for_each_folder() -> None:
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= set(TARGETS)


def test_limits_are_limits() -> None:
    late = time.process_time() + 1.1 * MOST_SECONDS

    def work(data: bytes) -> None:
        while time.process_time() < late:
            pass

    with pytest.raises(TooSlowError):
        run_within_limits(Target(work, []), b"")
