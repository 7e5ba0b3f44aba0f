"""What holds for every format: no token twice, none lost, the right cost, nothing private."""

from __future__ import annotations

import json
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any, List, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.importers import format_ids
from finops.importers.summary import lines_of
from tests.support.imports import cost_of, import_files, prices, rows_of, sums_of, write_all
from tests.support.vendor_logs import VENDORS, Use, Vendor, cost_of_use

SECRET = "kanarienvogel-0417"
COUNT = st.integers(0, 5000)
USES = st.lists(
    st.builds(Use, st.integers(1, 5000), COUNT, COUNT, st.integers(1, 5000), COUNT),
    min_size=1,
    max_size=5,
)
every_format = pytest.mark.parametrize("format_id", format_ids())
SOME = [Use(100, 2000, 30, 40, 5), Use(7, 0, 0, 3, 0), Use(1, 1, 1, 1, 1), Use(500, 0, 20, 9, 9)]


def known(uses: Sequence[Use], vendor: Vendor) -> List[Use]:
    """Return the usage that a format can express."""
    hidden = {"cached", "written", "reasoning"} - set(vendor.knows)
    return [use._replace(**dict.fromkeys(hidden, 0)) for use in uses]


def logs(format_id: str, uses: Sequence[Use], folder: Path, secret: str = "x") -> List[Path]:
    """Write usage as the vendor of a format does."""
    vendor = VENDORS[format_id]
    return write_all(folder, vendor.write(known(uses, vendor), secret))


def test_every_format_has_a_vendor() -> None:
    assert set(VENDORS) == set(format_ids())


@every_format
@settings(max_examples=8 if sys.version_info >= (3, 10) else 4, deadline=None)
@given(uses=USES)
def test_no_token_is_counted_twice_and_none_is_lost(format_id: str, uses: List[Use]) -> None:
    vendor = VENDORS[format_id]
    uses = known(uses, vendor)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "out.csv"
        result = import_files(format_id, logs(format_id, uses, folder / "logs"), out)
        sums = sums_of(out)
        assert sums["input_tokens"] == sum(use.input for use in uses)
        assert sums["output_tokens"] == sum(use.outputs for use in uses)
        assert sums["cached_input_tokens"] == sum(use.cached for use in uses)
        assert sums["cache_write_tokens"] == sum(use.written for use in uses)
        assert result.tally.rejections == 0
        assert result.totals.calls == (len(uses) if vendor.calls else 0)
        expected = sum((cost_of_use(use, vendor.model) for use in uses), Fraction(0))
        assert abs(Fraction(cost_of(out)) - expected) < Fraction(1, 10**9)


@every_format
def test_a_second_import_adds_nothing(format_id: str, tmp_path: Path) -> None:
    paths = logs(format_id, SOME, tmp_path / "logs")
    out = tmp_path / "out.csv"
    import_files(format_id, paths, out)
    first = out.read_bytes()
    assert import_files(format_id, paths, out).added == 0
    assert out.read_bytes() == first
    (tmp_path / "out.csv.import").unlink()  # all files are read again
    assert import_files(format_id, paths, out).added == 0
    assert out.read_bytes() == first


@every_format
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_halves_in_either_order_are_the_whole(
    format_id: str, order: Sequence[int], tmp_path: Path
) -> None:
    if not VENDORS[format_id].splits:
        order = (0, 1)  # a session's file only grows
    paths = logs(format_id, SOME, tmp_path / "logs")
    whole = tmp_path / "whole.csv"
    import_files(format_id, paths, whole)
    halves = halves_of(paths, tmp_path, grows=not VENDORS[format_id].splits)
    out = tmp_path / "out.csv"
    for half in order:
        import_files(format_id, halves[half], out)
    assert out.read_bytes() == whole.read_bytes()


def halves_of(paths: Sequence[Path], folder: Path, grows: bool) -> List[List[Path]]:
    """Return the records of some files in two parts, each laid out as the whole is."""
    if len(paths) > 1:
        return [list(paths[: len(paths) // 2]), list(paths[len(paths) // 2 :])]
    text = paths[0].read_text(encoding="utf-8")
    first, second = parts_of(text, paths[0].suffix)
    if grows:
        second = text
    halves = []
    for number, content in enumerate((first, second)):
        name = "logs" if grows else f"half{number}"
        relative = paths[0].relative_to(folder / "logs").as_posix()
        halves.append(write_all(folder / name / str(number), {relative: content}))
    return halves


def parts_of(text: str, suffix: str) -> List[str]:
    if suffix == ".json":
        page = json.loads(text)
        middle = len(page["data"]) // 2
        return [
            json.dumps({**page, "data": page["data"][place]})
            for place in (slice(middle), slice(middle, None))
        ]
    lines = text.splitlines(keepends=True)
    middle = len(lines) // 2 + 1
    head = lines[:1] if suffix == ".csv" or '"projectHash"' in lines[0] else []
    return ["".join(lines[:middle]), "".join([*head, *lines[middle:]])]


@every_format
def test_nothing_private_is_kept_or_said(format_id: str, tmp_path: Path) -> None:
    paths = logs(format_id, SOME, tmp_path / "logs", SECRET)
    assert any(SECRET in path.read_text(encoding="utf-8") for path in paths) or format_id in (
        "openai-usage",
        "anthropic-usage",
    )
    with paths[0].open("a", encoding="utf-8") as file:
        file.write(f'\n{{"{SECRET}": "{SECRET}\n{SECRET},{SECRET}\n')
    out, rejects = tmp_path / "out.csv", tmp_path / "rejects.csv"
    result = import_files(format_id, paths, out, rejects=rejects)
    kept = [path for path in tmp_path.iterdir() if path.is_file()]
    assert {out, rejects} < set(kept)
    for path in kept:
        assert SECRET.encode() not in path.read_bytes(), path.name
    assert SECRET not in "\n".join(lines_of(result))


@every_format
def test_rows_are_in_order_of_time_and_consistent(format_id: str, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    import_files(format_id, logs(format_id, SOME, tmp_path / "logs")[::-1], out)
    rows = rows_of(out)
    places = [(row["timestamp"], row["call_id"]) for row in rows]
    assert places == sorted(places)
    for row in rows:
        count = {name: int(value) for name, value in row.items() if name.endswith("_tokens")}
        assert count["cached_input_tokens"] + count["cache_write_tokens"] <= count["input_tokens"]
        assert count["cache_write_1h_tokens"] <= count["cache_write_tokens"]
        assert count["reasoning_tokens"] <= count["output_tokens"]
        assert count["total_tokens"] == count["input_tokens"] + count["output_tokens"]
        assert row["source"] == format_id
        assert row["call_id"].startswith(f"{format_id}:")
        assert "e" not in row["cost_usd"].lower()


DAMAGES = {
    "deep": "[" * 100_000,
    "deep object": '{"a":' * 100_000,
    "not a number": '{"a": NaN}',
    "infinite": '{"a": Infinity}',
    "twice": '{"a": 1, "a": 2}',
    "digits": '{"a": ' + "9" * 5000 + "}",
    "text": "not JSON",
    "half": '{"a": "\\ud800"}',
    "null": "null",
    "list": "[1, [2], null]",
}


# The formats of which a line is a record, so that one can be damaged alone.
IN_LINES = [
    name
    for name, vendor in VENDORS.items()
    if all(file.endswith(".jsonl") for file in vendor.write(SOME, "x"))
]


@pytest.mark.parametrize("format_id", IN_LINES)
def test_a_damaged_record_takes_no_other_with_it(format_id: str, tmp_path: Path) -> None:
    """Each kind of damage once, between the records and behind the last."""
    paths = logs(format_id, SOME, tmp_path / "logs")
    before = tmp_path / "before.csv"
    import_files(format_id, paths, before)
    lines = paths[0].read_text(encoding="utf-8").splitlines()
    middle = len(lines) // 2
    lines = [*lines[:middle], *DAMAGES.values(), *lines[middle:], *DAMAGES.values()]
    paths[0].write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    import_files(format_id, paths, out)
    assert sums_of(out) == sums_of(before)


WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@every_format
@settings(max_examples=20 if sys.version_info >= (3, 10) else 6, deadline=None)
@given(data=st.data())
def test_a_value_of_the_wrong_type_is_counted_and_never_raises(
    format_id: str, data: st.DataObject
) -> None:
    vendor = VENDORS[format_id]
    files = vendor.write(known(SOME[:2], vendor), "x")
    (name, text) = next(iter(files.items()))
    if name.endswith(".csv"):
        cells = text.split("\n")[1].split(",")
        place = data.draw(st.integers(0, len(cells) - 1))
        cells[place] = str(data.draw(WRONG)).replace(",", ";").replace("\n", " ")
        text = "\n".join([text.split("\n")[0], ",".join(cells), text.split("\n")[2], ""])
    else:
        lines = text.splitlines() if name.endswith(".jsonl") else [text]
        number = data.draw(st.integers(0, len(lines) - 1))
        record = json.loads(lines[number])
        corrupt(record, data)
        lines[number] = json.dumps(record)
        text = "\n".join(lines) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        paths = write_all(Path(folder) / "logs", {**files, name: text})
        good = logs(format_id, SOME[2:], Path(folder) / "good")
        result = import_files(format_id, [*paths, *good], Path(folder) / "out.csv")
        assert result.totals.rows >= 1


def corrupt(value: Any, data: st.DataObject) -> None:
    """Replace one value somewhere inside by one of the wrong type."""
    while value and isinstance(value, (dict, list)):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        inner = value[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            value[key] = data.draw(WRONG)
            return
        value = inner


def test_prices_of_the_tests_are_prices() -> None:
    assert prices().provider_of("claude-a") == "anthropic"
