"""Look-up tables against the distributions that they stand for."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from finops.config import INPUT_TOKENS, LONG_CONTEXTS, OUTPUT_TOKENS, Skewed, Tokens
from finops.simulator import sampling_tables


@pytest.mark.sampled
@pytest.mark.parametrize("tokens", [INPUT_TOKENS, OUTPUT_TOKENS])
@pytest.mark.parametrize("scale", [0.7, 1.0, 2.2])
def test_clamped_normal_against_drawing_it(tokens: Tokens, scale: float) -> None:
    table = sampling_tables.clamped_normal(tokens, scale)
    assert len(table) == 4096
    assert list(table) == sorted(table)
    assert table[0] >= tokens.least
    assert table[-1] <= tokens.most
    draw = random.Random(1)
    drawn = [
        min(tokens.most, max(tokens.least, draw.gauss(tokens.mean * scale, tokens.sd * scale)))
        for _ in range(200_000)
    ]
    assert sum(table) / 4096 == pytest.approx(sum(drawn) / len(drawn), rel=0.01)
    drawn.sort()
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        there = table[int(share * 4096)]
        assert there == pytest.approx(drawn[int(share * len(drawn))], abs=0.02 * tokens.most)


@pytest.mark.sampled
@pytest.mark.parametrize("tokens", [pair[i] for pair in LONG_CONTEXTS.values() for i in (0, 1)])
def test_clamped_lognormal_against_drawing_it(tokens: Skewed) -> None:
    table = sampling_tables.clamped_lognormal(tokens, 1.2)
    assert len(table) == 4096
    assert list(table) == sorted(table)
    assert tokens.least <= table[0]
    assert table[-1] <= tokens.most
    draw = random.Random(1)
    factors = (draw.lognormvariate(0, tokens.sigma) for _ in range(100_000))
    drawn = sorted(min(tokens.most, max(tokens.least, 1.2 * tokens.median * x)) for x in factors)
    for share in (0.01, 0.25, 0.5, 0.75, 0.95):
        assert table[int(share * 4096)] == pytest.approx(drawn[int(share * len(drawn))], rel=0.02)
    assert sum(table) / 4096 > table[2048]  # skewed to the right


def test_folding_keeps_the_distribution_and_ties_it_to_the_first_rank() -> None:
    folded = sampling_tables.folded(list(range(4096)))
    assert len(folded) == 4096 + 2048 - 1
    seen: Counter[int] = Counter()
    for first in range(0, 4096, 16):
        for second in range(0, 2048, 16):
            rank = folded[first + second]
            seen[rank // 256] += 1
            assert abs(rank - first) <= 1024
    assert max(seen.values()) / min(seen.values()) < 1.02


def test_shares_are_within_one_entry() -> None:
    weights = [0.0, 3.0, 0.001, 1.0, 7.0]
    counts = sampling_tables.shares(weights, 4096)
    assert sum(counts) == 4096
    for count, weight in zip(counts, weights):
        assert abs(count - 4096 * weight / sum(weights)) <= 1
    table = sampling_tables.of_numbers(list(zip((9, 300, 5, 1, 2), weights)), 4096)
    assert [list(table).count(n) for n in (9, 300, 5, 1, 2)] == counts
    assert sampling_tables.of_positions(weights) == b"".join(
        bytes([i]) * c for i, c in enumerate(counts)
    )


def test_numbers_of_a_business_that_has_grown_for_years_fit_too() -> None:
    choice = [(7, 1.0), (65_535, 1.0), (65_536, 1.0), (1_000_000, 1.0)]
    assert list(sampling_tables.of_numbers(choice, 8)) == [
        *(7, 7, 65_535, 65_535, 65_536, 65_536),
        *(1_000_000, 1_000_000),
    ]
    assert sampling_tables.of_numbers(choice[:2], 8).itemsize == 2
