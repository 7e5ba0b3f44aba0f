"""Thousands separators in columns whose other cells show them beyond doubt."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.reader.thousands import grouped_columns
from finops.rollups import cache as rollup_cache
from finops.rollups.dataset import open_dataset
from finops.rollups.spec import Rollups

HEADER = "timestamp,model,input_tokens,output_tokens,cost_usd,latency_ms,customer_id"
COST = {"cost_usd": 0}


def read(path: Path, costs: List[str], latency: str = "5", cache: bool = False) -> Rollups:
    rows = [
        f'2026-01-{day:02},gpt-4,10,5,"{cost}","{latency}",a' for day, cost in enumerate(costs, 1)
    ]
    path.write_text("\n".join([HEADER, *rows, ""]))
    return open_dataset(path, workers=1, cache=cache).rollups(())


def test_a_lone_group_is_read_where_the_column_shows_groups(tmp_path: Path) -> None:
    data = read(tmp_path / "calls.csv", ["0.50", "1,234", "$2,000", "7", "1.234", "1,000.25"])
    assert data.totals.cost == pytest.approx(0.5 + 1234 + 2000 + 7 + 1.234 + 1000.25)
    assert not data.accounting.blanked


@pytest.mark.parametrize(
    "others", [["7"], ["0.5"], ["2,000"], ["0,5", "1,000.5"], ["12,50", "1,000,000"], ["x,000.5"]]
)
def test_it_stays_a_bad_value_where_nothing_or_both_are_shown(
    tmp_path: Path, others: List[str]
) -> None:
    data = read(tmp_path / "calls.csv", [*others, "1,234"])
    assert ("cost_usd", "thousands separator") in {
        (entry.column, entry.reason) for entry in data.accounting.blanked
    }


def test_latencies_too(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    shown = "timestamp,model,input_tokens,output_tokens,latency_ms,customer_id\n"
    path.write_text(shown + '2026-01-01,gpt-4,1,1,"1,012.5",a\n2026-01-02,gpt-4,1,1,"1,500",a\n')
    assert not open_dataset(path).rollups(()).accounting.blanked


def test_a_state_is_read_anew_when_the_column_begins_to_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rows decide; a file of few rows may have been kept before it showed groups."""
    monkeypatch.setattr(rollup_cache, "MIN_STATE_BYTES", 0)
    path = tmp_path / "calls.csv"
    filler = ["7"] * 28
    rows = [f'2026-01-{day:02},gpt-4,10,5,"{cost}",5,a' for day, cost in enumerate(filler, 1)]
    path.write_text("\n".join([HEADER, '2026-01-01,gpt-4,1,1,"1,234",5,a', *rows, ""]))
    assert open_dataset(path, cache=True).rollups(()).accounting.blanked
    assert (tmp_path / "calls.csv.cache").exists()
    with open(str(path), "a", encoding="utf-8") as file:
        file.write('2026-01-29,gpt-4,10,5,"1,000.25",5,a\n')
    kept = open_dataset(path, cache=True).rollups(())
    assert not kept.accounting.blanked
    assert kept.totals == open_dataset(path).rollups(()).totals


def test_compressed_files_show_it_as_well(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv.gz"
    rows = '2026-01-01,gpt-4,1,1,"1,000.5",5,a\n2026-01-01,gpt-4,1,1,"1,000",5,a\n'
    path.write_bytes(gzip.compress(f"{HEADER}\n{rows}".encode()))
    assert open_dataset(path).rollups(()).totals.cost == pytest.approx(2000.5)


@given(st.lists(st.decimals(1000, 10**6, places=2), min_size=1))
def test_whatever_is_printed_with_groups_and_decimals_shows_them(amounts: List[Decimal]) -> None:
    rows = "\n".join(f'"{amount:,}"' for amount in amounts).encode()
    assert grouped_columns(rows, b",", COST) == {"cost_usd"}
    swapped = rows.translate(bytes.maketrans(b".,", b",."))
    assert grouped_columns(swapped, b",", COST) == frozenset()


def test_a_semicolon_file_has_decimal_commas() -> None:
    assert grouped_columns(b'"1,000.5"\n', b";", COST) == frozenset()
    assert grouped_columns(b'"0.5\n0.5"x\n\n', b",", COST) == frozenset()
