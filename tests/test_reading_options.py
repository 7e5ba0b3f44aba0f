"""The options of reading: what each means, what is refused, and that a run can be told again."""

from __future__ import annotations

import argparse
import doctest
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import reading_choices, schema
from finops.cli import main
from finops.commands import COMMANDS, nearest, reading
from finops.commands.reading import Reading, add_reading, reading_of
from finops.errors import FinOpsError, UsageError
from finops.reader.options import ReadingOptions
from finops.reading_choices import ReadingChoices
from finops.typed_json import from_json, to_json
from tests.support.reference import call
from tests.support.rows import write_csv

READERS = ("analyze", "serve", "demo", "verify", "evaluate")


def understood(*words: str) -> Reading:
    parser = argparse.ArgumentParser()
    add_reading(parser)
    return reading_of(parser.parse_args(words))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FINOPS_DATA", raising=False)


def test_the_examples() -> None:
    for module in (reading_choices, nearest, reading):
        assert doctest.testmod(module).failed == 0


def test_without_options_everything_is_as_it_always_was() -> None:
    made = understood("--data", "calls.csv")
    assert made.options == ReadingOptions()
    assert made.prices.source == "built-in list prices"
    assert made.source == os.path.abspath("calls.csv")
    assert made.flags.words() == []


def test_each_option_reaches_the_reader() -> None:
    words = ["--map", "cost_usd=Cost, total", "--map", "model=Model,provider=Vendor"]
    words += ["--timezone=-05:00", "--input-timezone", "+05:30", "--since", "2026-01-01"]
    words += ["--until", "2026-01-31", "--rate", "eur=1.08", "--rate", "GBP=1.25"]
    assert understood(*words).options == ReadingOptions(
        columns=(("cost_usd", "Cost, total"), ("model", "Model"), ("provider", "Vendor")),
        timezone="-05:00",
        input_timezone="+05:30",
        since="2026-01-01T05:00:00.000000",
        until="2026-02-01T05:00:00.000000",
        rates=(("EUR", "1.08"), ("GBP", "1.25")),
    )


def test_data_may_be_several_and_paths_become_absolute() -> None:
    made = understood("--data", "a.csv", "--data", "-", "--data", "s3://bucket/b.csv")
    assert made.source == [os.path.abspath("a.csv"), "-", "s3://bucket/b.csv"]


def test_what_reads_its_data_again_takes_all_but_standard_input() -> None:
    made = understood("--data=a.csv", "--data=.", "--data=*.csv")
    assert made.lasting == tuple(map(os.path.abspath, ("a.csv", ".", "*.csv")))
    with pytest.raises(UsageError, match="standard input does not allow"):
        assert understood("--data", "a.csv", "--data", "-").lasting


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--map", "cost_usd"], "write --map cost_usd=Cost"),
        (["--map", "cost_usd="], "write --map cost_usd=Cost"),
        (["--map", "cost=Cost"], "no field 'cost'; did you mean 'cost_usd'?"),
        (["--map", "model=a", "--map", "model=b"], "gives model two columns, a and b"),
        (["--timezone", "Mars/Olympus"], "Mars/Olympus"),
        (["--timezone", "+25:00"], "less than 24 hours"),
        (["--input-timezone", "CEST+1"], "CEST+1"),
        (["--since", "1.1.2026"], "'1.1.2026' is not a date or a time"),
        (["--until", "2026-02-30"], "'2026-02-30' is not a date or a time"),
        (["--since", "2026-02-01", "--until", "2026-01-31"], "--since before --until"),
        (["--rate", "EUR"], "write --rate EUR=1.08"),
        (["--rate", "EUR=0"], "write --rate EUR=1.08"),
        (["--rate", "EUR=-1"], "write --rate EUR=1.08"),
        (["--rate", "EURO=1"], "write --rate EUR=1.08"),
        (["--rate", "EUR=1", "--rate", "EUR=2"], "gives EUR two rates, 1 and 2"),
        (["--rate", "USD=2"], "USD need no rate"),
        (["--prices", "gone.json"], "cannot read the price file"),
        (["--config", "gone.json"], "cannot read the configuration file"),
    ],
)
def test_what_does_not_fit_is_one_line(words: List[str], said: str) -> None:
    with pytest.raises(FinOpsError) as refused:
        understood(*words)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(sys.version_info >= (3, 9), reason="the standard library has the names")
def test_a_name_of_a_zone_needs_a_newer_python() -> None:
    with pytest.raises(UsageError, match=r"needs Python 3\.9 or newer"):
        understood("--timezone", "Europe/Berlin")


TEXT = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20)
CHOICES = st.builds(
    ReadingChoices,
    data=st.just(()),
    columns=st.lists(TEXT, max_size=2).map(tuple),
    prices=st.lists(TEXT.map(lambda text: f"/{text}"), max_size=2).map(tuple),
    timezone=TEXT,
    since=TEXT,
    rates=st.lists(TEXT, max_size=2).map(tuple),
    config=TEXT.map(lambda text: f"/{text}"),
    events=TEXT.map(lambda text: f"/{text}"),
)


@given(CHOICES)
def test_choices_come_back_from_their_words_and_from_a_manifest(choices: ReadingChoices) -> None:
    parser = argparse.ArgumentParser()
    add_reading(parser)
    parser.add_argument("--events")  # of the command that draws charts
    args = parser.parse_args(choices.words())
    assert reading._flags(args, ()) == choices._replace(
        columns=tuple(part for word in choices.columns for part in reading._NEXT_FIELD.split(word)),
        prices=tuple(map(os.path.abspath, choices.prices)),
        config=os.path.abspath(choices.config),
        events=os.path.abspath(choices.events),
    )
    assert from_json(ReadingChoices, json.loads(json.dumps(to_json(choices)))) == choices


@pytest.mark.parametrize("command", READERS)
def test_every_command_that_reads_calls_takes_them_all(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    flags = ["--data", "--map", "--prices", "--timezone", "--input-timezone", "--since"]
    for flag in [*flags, "--until", "--rate", "--config"]:
        assert f"\n  {flag} " in shown


def said_by(words: List[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_flag_that_takes_one_value_refuses_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["analyze", "--timezone", "UTC", "--timezone", "+01:00"]
    assert "--timezone was given twice" in said_by(words, capsys)
    words = ["generate", "--size", "1", "--size", "1"]
    assert "--size was given twice" in said_by(words, capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_mistyped_command_is_answered_with_the_nearest(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"did you mean '{command}'?" in said_by([f"{command}e"], capsys)


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["analyze", "--timezon", "UTC"], "--timezone"),
        (["verify", "--price=p.json"], "--prices"),
        (["serve", "--no-monitors"], "--no-monitor"),
    ],
)
def test_a_mistyped_flag_is_answered_with_the_nearest(
    words: List[str], near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"did you mean '{near}'?" in said_by(words, capsys)


def test_an_offset_may_begin_with_a_minus(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(Path("calls.csv"), [call()])
    assert main(["verify", "calls.csv", "--quiet", "--timezone", "-05:00"]) == 0
    assert "time zone of days and hours: -05:00" in capsys.readouterr().out


def test_the_run_is_in_the_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(Path("calls.csv"), [call()])
    model = {"provider": "openai", "model": "gpt-4", "input_per_1k": 1, "output_per_1k": 2}
    Path("p.json").write_text(json.dumps({"models": [model]}))
    words = ["--data", "calls.csv", "--reports", "r", "--only", "pricing", "--quiet"]
    words += ["--prices", "p.json", "--timezone", "+02:00", "--since", "2020-01-01"]
    Path("e.csv").write_text("start,end,title,subject\n2025-01-01,,Launch,\n")
    words += ["--events", "e.csv"]
    assert main(["analyze", *words]) == 0
    stored: Dict[str, Any] = json.loads(Path("r/manifest.json").read_text())
    assert stored["options"]["reading"] == {
        "data": [os.path.abspath("calls.csv")],
        "columns": [],
        "prices": [os.path.abspath("p.json")],
        "timezone": "+02:00",
        "input_timezone": "",
        "since": "2020-01-01",
        "until": "",
        "rates": [],
        "config": "",
        "events": os.path.abspath("e.csv"),
    }
    again = from_json(ReadingChoices, stored["options"]["reading"])
    assert f"--events={os.path.abspath('e.csv')}" in again.words()


def test_every_field_of_a_call_record_can_be_mapped() -> None:
    for name in schema.COLUMN_NAMES:
        assert understood("--map", f"{name.upper()}=x").options.columns == ((name, "x"),)


def test_the_demo_checks_port_and_folders_before_it_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["demo", "--size", "20KB", "--data", "made.csv"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in said_by([*words, "--port", str(port)], capsys)
    (tmp_path / "file").write_text("")
    said = said_by([*words, "--port", "0", "--reports", "file/reports"], capsys)
    assert "file is not a folder; give another --reports" in said
    assert not Path("made.csv").exists()
