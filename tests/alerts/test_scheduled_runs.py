"""`analyze` as a scheduled check: its lines, its exit status, and what a channel hears."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Iterator, List

import pytest

from finops import config
from finops.business.catalog import CATALOG
from finops.cli import main
from tests.support.webhooks import Receiver, receiving

HEADER = (
    "timestamp,call_id,provider,model,input_tokens,output_tokens,cost_usd,customer_id,"
    "organization_id,product_id,status\n"
)
Capture = pytest.CaptureFixture[str]


def line(moment: str, number: int, cost: str, model: str = "gpt-5") -> str:
    return f"{moment},n{number},openai,{model},1000,100,{cost},c1,org1,shop,success\n"


class Check:
    """A dataset that grows, and the command that a scheduler runs on it."""

    def __init__(self, folder: Path, capture: Capture) -> None:
        self.data = folder / "calls.csv"
        self.data.write_text(HEADER)
        self._folder = folder
        self._capture = capture
        self.status = 0

    def add(self, *calls: str) -> None:
        with open(str(self.data), "a") as out:
            out.writelines(calls)

    def words(self, *words: str) -> List[str]:
        common = ["analyze", "--data", str(self.data), "--reports", str(self._folder / "r")]
        return [*common, "--only", "realtime", "--quiet", *words]

    def run(self, *words: str) -> List[str]:
        """Run it and return its lines on standard error."""
        self._capture.readouterr()
        self.status = main(self.words(*words))
        return self._capture.readouterr().err.splitlines()


@pytest.fixture
def check(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Check:
    for name in ("BUDGETS", "SLA_THRESHOLD_MS"):
        monkeypatch.setattr(config, name, getattr(config, name))
    return Check(tmp_path, capsys)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def october(check: Check) -> None:
    """Write 6.00 USD of October, on three days."""
    days = ("2025-10-01", "2025-10-10", "2025-10-20")
    check.add(*(line(f"{day}T10:00:00Z", n, "2.00") for n, day in enumerate(days)))


def test_a_budget_is_a_state_at_each_run_and_an_event_once(
    check: Check, receiver: Receiver
) -> None:
    october(check)
    watch = ("--budget", "5", "--webhook", receiver.url)
    said = check.run(*watch)
    assert check.status == 3
    assert said == [
        "finops: budget exceeded: all usage cost 6.00 USD in 2025-10 (UTC), 120 % of the budget of"
        " 5.00 USD"
    ]
    assert len(receiver.texts) == 1
    assert all(part in receiver.texts[0] for part in ("6.00", "5.00", "2025-10", "120 %"))

    assert check.run(*watch) == said
    assert (check.status, len(receiver.texts)) == (3, 1)

    check.add(line("2025-10-21T10:00:00Z", 4, "1.00"))
    assert "7.00 USD" in check.run(*watch)[0]
    assert (check.status, len(receiver.texts)) == (3, 1)

    check.add(line("2025-11-02T10:00:00Z", 5, "6.00"))
    assert len(check.run(*watch)) == 2
    assert (check.status, len(receiver.texts)) == (3, 2)
    assert "2025-11" in receiver.texts[1]
    assert "6.00" in receiver.texts[1]
    assert "13.00" not in receiver.texts[1]

    assert check.run("--budget", "8", "--webhook", receiver.url) == []
    assert (check.status, len(receiver.texts)) == (0, 2)

    check.run(*watch)
    assert (check.status, len(receiver.texts)) == (3, 2)


def test_a_post_that_failed_is_sent_by_the_next_run(check: Check, receiver: Receiver) -> None:
    october(check)
    watch = ("--budget", "5", "--webhook", receiver.url)
    receiver.status = 500
    _, failed = check.run(*watch)
    assert failed == "finops: the webhook at 127.0.0.1 answered 500; the next run tries again"
    assert check.status == 3
    receiver.status = 200
    assert len(check.run(*watch)) == 1
    assert len(receiver.texts) == 2
    check.run(*watch)
    assert len(receiver.texts) == 2


def test_two_runs_at_the_same_time_post_once(check: Check, receiver: Receiver) -> None:
    october(check)
    words = check.words("--budget", "5", "--webhook", receiver.url)
    receiver.delay_s = 0.2
    statuses: List[int] = []
    runs = [threading.Thread(target=lambda: statuses.append(main(words))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert statuses == [3, 3]
    assert len(receiver.texts) == 1


@pytest.mark.skipif(sys.version_info < (3, 9), reason="names of zones need Python 3.9")
def test_a_month_is_one_of_the_reporting_zone(check: Check) -> None:
    """03:30 UTC on 1 May is 30 April in New York, 04:30 is 1 May there too."""
    check.add(line("2025-04-15T12:00:00Z", 1, "3.00"))
    check.add(line("2025-05-01T03:30:00Z", 2, "4.00"), line("2025-05-01T04:30:00Z", 3, "2.00"))
    assert check.run("--budget", "6.50") == []
    assert check.status == 0
    (said,) = check.run("--budget", "6.50", "--timezone", "America/New_York")
    assert check.status == 3
    assert "7.00 USD in 2025-04 (America/New_York)" in said
    # Together they are 9.00 in either zone.
    assert [text.split(" USD in ")[0][-4:] for text in check.run("--budget", "0.01")] == [
        "3.00",
        "6.00",
    ]
    zone = ("--timezone", "America/New_York")
    assert [text.split(" USD in ")[0][-4:] for text in check.run("--budget", "0.01", *zone)] == [
        "7.00",
        "2.00",
    ]


def test_budgets_of_the_configuration_are_judged_and_the_flag_beats_its_total(
    check: Check, tmp_path: Path
) -> None:
    october(check)
    budgets = {"total": 5, "organization": {"org1": 4, "org2": 1}}
    (tmp_path / "finops.json").write_text(json.dumps({"budgets": budgets}))
    total, organization = check.run()
    assert check.status == 3
    assert "all usage cost 6.00 USD" in total
    assert "organization org1 cost 6.00 USD in 2025-10 (UTC), 150 %" in organization
    (only,) = check.run("--budget", "100")
    assert "organization org1" in only
    assert check.status == 3


def test_a_finding_of_the_level_fails_the_run(check: Check, receiver: Receiver) -> None:
    """High daily costs are critical from 100 USD a day on; the second day has 150."""
    for day in range(1, 11):
        check.add(line(f"2025-10-{day:02d}T10:00:00Z", day, "150.00" if day == 2 else "1.00"))
    assert check.run() == []
    assert check.status == 0
    said = check.run("--fail-on", "critical", "--webhook", receiver.url)
    assert check.status == 3
    assert said
    assert all(text.startswith("finops: critical: ") for text in said)
    assert len(receiver.texts) == len(said)
    check.run("--fail-on", "critical", "--webhook", receiver.url)
    assert len(receiver.texts) == len(said)
    assert len(check.run("--fail-on", "warning")) >= len(said)


def test_without_findings_of_the_level_the_status_is_0(check: Check) -> None:
    october(check)
    assert check.run("--fail-on", "warning") == []
    assert check.status == 0


def test_calls_without_a_price_leave_a_budget_open(check: Check) -> None:
    assert "no-such-model" not in {model.name for model in CATALOG}
    october(check)
    check.add(line("2025-10-22T10:00:00Z", 9, "", model="no-such-model"))
    (said,) = check.run("--budget", "8")
    assert "may be exceeded: 1 call has no price" in said
    assert check.status == 0


@pytest.mark.parametrize("amount", ["0", "0.0", "-1", "nan", "inf", "1e3", "five", "", "1,000"])
def test_an_amount_that_is_none_is_one_line(check: Check, amount: str) -> None:
    (said,) = check.run(f"--budget={amount}")
    assert check.status == 2
    assert "is not a budget" in said


@pytest.mark.parametrize(
    "words",
    [
        ("--webhook", "http://hooks.example/s3cr3t", "--budget", "5"),
        ("--webhook", "https://ann:s3cr3t@hooks.example/", "--budget", "5"),
        ("--webhook", "https://hooks.example/s3cr3t"),
        ("--webhok", "https://hooks.example/s3cr3t"),
        ("--webhok=https://hooks.example/?key=s3cr3t",),
        ("--fail-on", "https://hooks.example/s3cr3t"),
        ("--webhook", "https://hooks.example/s3cr3t", "--webhook", "https://hooks.example/s3cr3t"),
    ],
)
def test_no_error_line_shows_the_secret_of_an_address(check: Check, words: List[str]) -> None:
    october(check)
    (said,) = check.run(*words)
    assert check.status == 2
    assert "s3cr3t" not in said


def test_an_address_in_the_place_of_the_command_is_not_repeated(capsys: Capture) -> None:
    assert main(["https://hooks.example/s3cr3t"]) == 2
    assert "s3cr3t" not in capsys.readouterr().err


def test_no_file_that_is_written_shows_the_address(check: Check, receiver: Receiver) -> None:
    october(check)
    check.run("--budget", "5", "--webhook", receiver.url)
    written = [path for path in check.data.parent.rglob("*") if path.is_file()]
    assert any(path.name == "calls.csv.alerts.json" for path in written)
    assert not any(b"s3cr3t" in path.read_bytes() for path in written)
