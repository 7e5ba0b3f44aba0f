"""The command line as its users meet it: processes, their words and their exit statuses."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

import pytest

from finops.business.catalog import CATALOG
from finops.cli import main
from finops.commands import COMMANDS
from finops.config import MEGABYTE, PROVIDER_WEIGHTS
from finops.registry import ANALYZER_REGISTRY
from finops.schema import HEADER_LINE
from finops.simulator.scenarios import SCENARIOS
from tests.support.reference import ReferenceDataset
from tests.support.tools import ROOT, clean_environment, run_finops

pytestmark = pytest.mark.long

IDS = list(ANALYZER_REGISTRY)
POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX only")


def simulated(folder: Path, size: str) -> Path:
    path = folder / "simulated_calls.csv"
    done = run_finops("generate", "--size", size, "--seed", "7", "--data", path)
    assert done.returncode == 0, done.stderr
    return path


class Done(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process, where it is not a process that is to be seen."""

    def run(*words: Any) -> Done:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated dataset of 1 MB; do not change it."""
    return simulated(tmp_path_factory.mktemp("generated"), "1")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated dataset of 200 KB, to be analyzed; do not change it."""
    return simulated(tmp_path_factory.mktemp("few"), "200KB")


@pytest.mark.unmeasured
def test_generate_makes_what_it_says(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    done = run_finops("generate", "--size", "1MB", "--seed", "7", "--data", path, "--workers", "2")
    assert done.returncode == 0
    assert path.read_bytes() == generated.read_bytes()
    size, rows = path.stat().st_size, path.read_text().count("\n") - 1
    assert MEGABYTE <= size < 1.01 * MEGABYTE
    said = re.fullmatch(
        r"1\.0 MB, ([0-9,]+) calls, [0-9,]+ calls/s, 2026-06-01 \d\d:\d\d to [-0-9: ]+ UTC\n",
        done.stdout,
    )
    assert said is not None, done.stdout
    assert int(said.group(1).replace(",", "")) == rows


def test_generate_continues_with_the_seed_of_the_file(
    generated: Path, tmp_path: Path, inside: Command
) -> None:
    path = tmp_path / "calls.csv"
    first = inside("generate", "--size", "300KB", "--seed", "7", "--data", path)
    second = inside("generate", "--size", "1MB", "--data", path)
    third = inside("generate", "--size", "1MB", "--data", path)
    assert [done.returncode for done in (first, second, third)] == [0, 0, 0]
    assert path.read_bytes() == generated.read_bytes()
    assert "of them new" in second.stdout
    assert "large enough already" in third.stdout


@pytest.mark.once
@pytest.mark.unmeasured
def test_generate_fresh_starts_over(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    run_finops("generate", "--size", "300KB", "--seed", "8", "--data", path)
    refused = run_finops("generate", "--size", "1MB", "--seed", "7", "--data", path)
    assert refused.returncode == 2
    assert refused.stderr.strip().splitlines()[-1].startswith("finops: ")
    assert "--fresh" in refused.stderr
    run_finops("generate", "--size", "1MB", "--seed", "7", "--data", path, "--fresh")
    assert path.read_bytes() == generated.read_bytes()


@pytest.mark.once
@pytest.mark.unmeasured
def test_generate_plays_the_chosen_scenario_from_the_chosen_day(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    words = ["--scenario", "viral_spike", "--start", "2024-03-01", "--size", "200KB"]
    assert run_finops("generate", *words, "--data", path).returncode == 0
    assert path.read_text().splitlines()[1].startswith("2024-03-01T00:")
    truth = json.loads((tmp_path / "calls.truth.json").read_text())
    assert {incident["scenario"] for incident in truth["incidents"]} <= {"viral_spike"}


@pytest.mark.once
@pytest.mark.unmeasured
def test_generate_plants_nothing_where_told_so_and_goes_on_like_that(tmp_path: Path) -> None:
    def made(size: str, name: str, *more: str) -> bytes:
        words = ["--scenario", "viral_spike", "--size", size, "--data", tmp_path / name]
        assert run_finops("generate", *words, *more).returncode == 0
        return (tmp_path / name).read_bytes()

    def planted(name: str) -> List[Any]:
        truth = json.loads((tmp_path / f"{name}.truth.json").read_text())
        return list(truth["incidents"])

    made("2MB", "grown.csv", "--no-incidents")
    clean = made("8MB", "clean.csv", "--no-incidents")
    assert made("8MB", "grown.csv") == clean != made("8MB", "planted.csv")
    assert (planted("grown"), planted("clean")) == ([], [])
    assert planted("planted")


@pytest.mark.once
@pytest.mark.unmeasured
def test_generate_with_own_prices(tmp_path: Path) -> None:
    models = [
        {"provider": m.provider, "model": m.name, "input_per_1k": 1, "output_per_1k": 2}
        for m in CATALOG
    ]
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"models": models}))
    path = tmp_path / "calls.csv"
    done = run_finops("generate", "--size", "50KB", "--data", path, "--prices", prices)
    assert done.returncode == 0, done.stderr
    calls = [c for c in ReferenceDataset.of_file(path).calls if c["status"] == "success"]
    assert calls
    for one in calls:
        in_dollars = (one["input_tokens"] + 2 * one["output_tokens"]) / 1000
        assert one["cost_pico"] / 10**12 == pytest.approx(in_dollars)


@pytest.mark.unmeasured
def test_analyze_shows_a_table_and_the_page_to_open(few: Path, tmp_path: Path) -> None:
    done = run_finops("analyze", "--data", few, "--reports", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["report", "top", "finding", "size", "seconds"]
    for analysis, line in zip(ANALYZER_REGISTRY.values(), lines[1:]):
        assert line.startswith(analysis.title)
        assert re.search(r"  \d+ KB     \d+\.\d\d$", line)
    assert lines[-1] == f"open {tmp_path / 'index.html'}"
    assert (tmp_path / "index.html").is_file()
    assert "\033" not in done.stdout + done.stderr


@pytest.mark.unmeasured
def test_analyze_agrees_with_a_count_of_the_rows(few: Path, tmp_path: Path) -> None:
    done = run_finops("analyze", "--data", few, "--reports", tmp_path, "--json", "-")
    results = json.loads(done.stdout)
    assert list(results) == IDS
    rows = few.read_text().splitlines()[1:]
    cost = sum(round(float(row.split(",")[6]) * 1e6) for row in rows) / 1e6
    for result in results.values():
        assert result["summary"]["total_calls"] == len(rows)
        assert result["summary"]["total_cost"] == pytest.approx(cost)


def test_analyze_only_and_json_folder(few: Path, tmp_path: Path, inside: Command) -> None:
    only = ["--only", "pricing", "--only", "features"]
    folder = tmp_path / "json"
    done = inside("analyze", "--data", few, "--reports", tmp_path / "r", *only, "--json", folder)
    assert done.returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["features.json", "pricing.json"]
    assert len(done.stdout.splitlines()) == 1 + 2 + 2
    for path in folder.iterdir():
        assert json.loads(path.read_text()) == json.loads((tmp_path / "r" / path.name).read_text())


@pytest.mark.unmeasured
def test_results_are_the_same_for_any_number_of_processes(generated: Path, tmp_path: Path) -> None:
    printed = set()
    for workers in (1, 3):
        words = ["--data", generated, "--reports", tmp_path / str(workers), "--json", "-"]
        done = run_finops("analyze", *words, "--workers", workers)
        results = json.loads(done.stdout)
        results["dataset_overview"]["file"].pop("analyzed_at")
        printed.add(json.dumps(results))
    assert len(printed) == 1


@pytest.mark.unmeasured
def test_analyze_with_own_prices_prints_their_source(
    few: Path, tmp_path: Path, inside: Command
) -> None:
    prices = tmp_path / "p.json"
    model = {"provider": "openai", "model": "gpt-4", "input_per_1k": 1, "output_per_1k": 1}
    prices.write_text(json.dumps({"source": "our contract", "date": "2026-07", "models": [model]}))
    words = ["--data", few, "--reports", tmp_path / "r", "--only", "pricing"]
    assert inside("analyze", *words, "--prices", prices).returncode == 0
    page = (tmp_path / "r" / "pricing.html").read_text(encoding="utf-8")
    assert "our contract" in page
    assert "2026-07" in page


def test_a_crash_of_an_analyzer_is_named_and_traced(few: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from finops.analyzers.ubr.pricing import PricingAnalyzer\n"
        "def compute(self, data):\n"
        "    raise ZeroDivisionError('planted')\n"
        "PricingAnalyzer.compute = compute\n"
        "from finops.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["analyze", "--data", few, "--reports", tmp_path]
    done = run_finops(*words, launcher=("-c", program), cwd=ROOT / "src")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    last = [line for line in done.stderr.splitlines() if line.startswith("finops: ")][-1]
    assert "pricing" in last
    assert "ZeroDivisionError: planted" in last
    assert "failed: ZeroDivisionError" in done.stdout
    assert not (tmp_path / "pricing.html").exists()
    assert (tmp_path / "features.html").exists()


def test_verify_says_what_is_usable_and_what_would_be_skipped(
    generated: Path, tmp_path: Path, inside: Command
) -> None:
    clean = inside("verify", generated)
    assert clean.returncode == 0
    rows = generated.read_text().splitlines()
    assert clean.stdout.splitlines()[-1] == f"OK: all {len(rows) - 1:,} rows usable"
    broken = tmp_path / "calls.csv"
    broken.write_text("\n".join([*rows[:10], "not a row", *rows[10:20]]) + "\n")
    done = inside("verify", broken, "--quiet")
    assert done.returncode == 1
    assert done.stderr == (
        "finops: 1 of 20 rows is skipped, more than --max-skipped 0 (percent) allows\n"
    )
    allowed = inside("verify", broken, "--max-skipped", "5")
    assert allowed.returncode == 0
    assert allowed.stdout.splitlines()[-1] == "OK: 19 of 20 rows usable"
    assert "lines: 21 = 1 header + 19 used + 1 skipped" in done.stdout
    assert re.search(r"skipped 1: .+ \(line 11\)", done.stdout)


def test_verify_reports_missing_committed_bytes(
    generated: Path, tmp_path: Path, inside: Command
) -> None:
    path = tmp_path / generated.name
    path.write_bytes(generated.read_bytes()[:-1000])
    (tmp_path / f"{generated.name}.commit").write_bytes(Path(f"{generated}.commit").read_bytes())
    done = inside("verify", path, "--quiet")
    assert done.returncode == 2
    assert "1,000 committed bytes are missing" in done.stderr


def test_verify_reports_a_mark_of_another_file(
    generated: Path, tmp_path: Path, inside: Command
) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(HEADER_LINE)
    (tmp_path / "calls.csv.commit").write_bytes(Path(f"{generated}.commit").read_bytes())
    done = inside("verify", path, "--quiet")
    assert done.returncode == 2
    assert done.stderr.startswith("finops: calls.csv.commit is damaged or belongs to another file")


def test_list_shows_the_registries(inside: Command) -> None:
    shown = {what: inside("list", what).stdout for what in ("scenarios", "analyzers")}
    assert [line.split()[0] for line in shown["scenarios"].splitlines()[1:]] == list(SCENARIOS)
    assert [line.split()[0] for line in shown["analyzers"].splitlines()[1:]] == IDS
    providers = inside("list", "providers").stdout
    assert [line.split()[0] for line in providers.splitlines()[1:]] == list(PROVIDER_WEIGHTS)
    assert all(model.name in providers for model in CATALOG)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_shows_an_example(name: str) -> None:
    done = run_finops(name, "--help")
    assert done.returncode == 0
    assert f"example:\n  {COMMANDS[name].example}" in done.stdout
    assert COMMANDS[name].example.split()[1] == name
    assert done.stderr == ""


@pytest.mark.unmeasured
def test_help_lists_every_command() -> None:
    shown = run_finops("--help").stdout
    for command in COMMANDS.values():
        assert re.search(rf"^  {command.name} +{re.escape(command.summary)}$", shown, re.M)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no command given"),
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["generate", "--size", "5XB"], "'5XB' is not a size"),
        (["generate", "--size", "0"], "'0' is not a size"),
        (["generate", "--size", "-5"], "'-5' is not a size"),
        (["generate", "--size", "nan"], "'nan' is not a size"),
        (["generate", "--workers", "0"], "'0' is not a number of processes"),
        (["generate", "--seed", "x"], "'x' is not a seed"),
        (["generate", "--start", "31.12.2024"], "31.12.2024"),
        (["generate", "--start", "1969-01-01"], "out of range"),
        (["generate", "--start", "0001-01-01"], "out of range"),
        (["generate", "--start", "9999-12-31"], "out of range"),
        (["generate", "--scenario", "flood"], "flood"),
        (["generate", "--data", "."], "not a regular file"),
        (["analyze", "--only", "astrology"], "astrology"),
        (["analyze", "--data", "no/such.csv"], "no such file: "),
        (["analyze", "--prices", "no/such.json"], "cannot read the price file"),
        (["analyze", "--onl", "pricing"], "unrecognized arguments"),
        (["verify", "no/such.csv"], "no such file"),
        (["serve", "--port", "70000"], "'70000' is not a port"),
        (["serve", "--time-limit", "0"], "'0' is not a time limit"),
        (["list", "planets"], "planets"),
    ],
)
def test_trouble_is_one_line_and_status_2(
    words: List[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FINOPS_DATA", str(tmp_path / "calls.csv"))
    assert main(words) == 2
    printed, complaint = capsys.readouterr()
    lines = complaint.splitlines()
    assert len(lines) == 1, complaint
    assert lines[0].startswith("finops: ")
    assert said in lines[0]
    assert printed == ""


@pytest.mark.unmeasured
def test_debug_adds_the_traceback(tmp_path: Path, inside: Command) -> None:
    words = ["verify", tmp_path / "nothing.csv"]
    for placed in (["--debug", *words], [*words, "--debug"]):
        done = inside(*placed)
        assert done.returncode == 2
        assert "Traceback" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("finops: no such file")


@pytest.mark.unmeasured
def test_the_environment_gives_defaults_and_flags_override(few: Path, tmp_path: Path) -> None:
    environment = {"FINOPS_DATA": str(few), "FINOPS_REPORTS": str(tmp_path / "env")}
    assert run_finops("analyze", "--only", "pricing", env=environment).returncode == 0
    assert (tmp_path / "env" / "pricing.html").is_file()
    flags = ["--reports", tmp_path / "flag"]
    assert run_finops("analyze", "--only", "pricing", *flags, env=environment).returncode == 0
    assert (tmp_path / "flag" / "pricing.html").is_file()


def test_a_wrong_port_in_the_environment_matters_to_serve_alone(generated: Path) -> None:
    environment = {"FINOPS_PORT": "http"}
    assert run_finops("verify", generated, env=environment).returncode == 0
    done = run_finops("serve", env=environment)
    assert done.returncode == 2
    assert done.stderr == "finops: FINOPS_PORT is not a number; unset it or give --port\n"


@pytest.mark.unmeasured
def test_quiet_shows_no_progress(few: Path, tmp_path: Path) -> None:
    loud = run_finops("analyze", "--data", few, "--reports", tmp_path)
    quiet = run_finops("analyze", "--data", few, "--reports", tmp_path, "--quiet")
    assert "reading" in loud.stderr
    assert f"analyzing {IDS[0]} (1 of {len(IDS)})" in loud.stderr
    assert quiet.stderr == ""


@pytest.mark.unmeasured
def test_both_launchers_and_the_package_run_the_same(tmp_path: Path) -> None:
    usual = run_finops("list", "analyzers").stdout
    assert run_finops("list", "analyzers", cwd=ROOT / "src").stdout == usual
    elsewhere = run_finops("list", "analyzers", cwd=tmp_path, launcher=(str(ROOT / "finops.py"),))
    assert elsewhere.stdout == usual
    viewer = run_finops("--help", cwd=tmp_path, launcher=(str(ROOT / "viewer" / "server.py"),))
    assert viewer.stdout == run_finops("serve", "--help").stdout


@pytest.mark.unmeasured
def test_version() -> None:
    from finops import __version__

    assert run_finops("--version").stdout == f"finops {__version__}\n"


# --- output that nobody takes ------------------------------------------------------------------


def piped(command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which $FINOPS is the command line."""
    environment = clean_environment()
    environment["FINOPS"] = f"{sys.executable} -m finops"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=str(ROOT),
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


@POSIX
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_stdout_faults_full(few: Path, tmp_path: Path) -> None:
    words = f"--quiet --only features --data {few} --reports {tmp_path}"
    done = piped(f"$FINOPS analyze {words} >/dev/full")
    assert done.returncode == 2
    assert done.stderr == "finops: standard output: No space left on device\n"
    assert (tmp_path / "index.html").is_file()


@POSIX
def test_stdout_faults_reader_leaves(few: Path, tmp_path: Path) -> None:
    analyze = f"$FINOPS analyze --quiet --data {few} --reports {tmp_path} --json -"
    done = piped(f"{analyze} | head -c 10; echo ${{PIPESTATUS[0]}}")
    assert done.stderr == ""
    assert done.stdout.split("\n")[0].endswith("2")


@POSIX
def test_stdout_faults_closed(tmp_path: Path) -> None:
    done = piped("$FINOPS list providers >&-")
    assert done.returncode == 2
    assert done.stderr.startswith("finops: standard output is closed")
    assert piped("$FINOPS frobnicate 2>&-").returncode == 2


@POSIX
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_stdout_faults_full_standard_error(few: Path, tmp_path: Path) -> None:
    words = f"--only features --data {few} --reports {tmp_path}"
    done = piped(f"$FINOPS analyze {words} 2>/dev/full")
    assert done.returncode == 0
    assert "open " in done.stdout


@pytest.mark.unmeasured
@POSIX
def test_customer_ids_cannot_steer_the_terminal(generated: Path) -> None:
    done = piped("$FINOPS verify $'no\\x1b[2Jsuch\\u202efile'")
    assert "\x1b" not in done.stderr
    assert "no\\x1b[2Jsuch\\u202efile" in done.stderr


# --- serving -----------------------------------------------------------------------------------


def served(words: List[Any], until: str) -> Dict[str, Any]:
    """Start a command that serves, ask for a page and the status, stop it, return it all."""
    process = subprocess.Popen(
        [sys.executable, *(str(word) for word in words)],
        cwd=str(ROOT),
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    lines: List[str] = []
    try:
        while not lines or until not in lines[-1]:
            line = process.stdout.readline()
            assert line, process.communicate()
            lines.append(line)
        url = re.findall(r"http://localhost:\d+/", lines[-1])[0]
        with urllib.request.urlopen(f"{url}api/status") as answer:
            status = json.loads(answer.read())
        with urllib.request.urlopen(url) as answer:
            page = answer.read().decode("utf-8")
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=300)
    said = "".join(lines)
    return {"code": process.returncode, "said": said, "status": status, "page": page, "err": errors}


@POSIX
def test_serve_shows_the_dataset_and_stops_when_told(generated: Path, tmp_path: Path) -> None:
    words = ["--port", "0", "--data", generated, "--reports", tmp_path, "--no-monitor", "--quiet"]
    for launcher in (["-m", "finops", "serve"], [ROOT / "viewer" / "server.py"]):
        end = served([*launcher, *words, "--target-size", "4MB"], "http://")
        assert end["code"] == 143
        assert end["status"]["csv"]["name"] == generated.name
        assert end["status"]["csv"]["target_mb"] == 4
        assert "Traceback" not in end["err"]
        assert "<html" in end["page"]


@POSIX
def test_the_demo_goes_from_nothing_to_a_dashboard(tmp_path: Path) -> None:
    data, reports = tmp_path / "data" / "simulated_calls.csv", tmp_path / "reports"
    words = ["-m", "finops", "demo", "--port", "0", "--data", data, "--reports", reports]
    end = served([*words, "--size", "1MB", "--no-monitor"], "http://")
    assert end["code"] == 143
    assert "calls/s" in end["said"]
    assert f"open {reports / 'index.html'}" in end["said"]
    assert all(report["exists"] for report in end["status"]["reports"].values())
    index = (reports / "index.html").read_text(encoding="utf-8")
    for scenario in (ROOT / "showcase" / "scenarios").glob("scenario_*.py"):
        assert (reports / f"{scenario.stem}.html").is_file()
        assert f'href="{scenario.stem}.html"' in index
    again = served([*words, "--size", "1MB", "--no-monitor"], "http://")
    assert "calls/s" not in again["said"]


@POSIX
def test_a_port_in_use_is_one_line(generated: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        done = run_finops("serve", "--port", port, "--data", generated, "--reports", tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(rf"finops: port {port} is in use; .*--port\n", done.stderr)


# --- speed -------------------------------------------------------------------------------------


@pytest.mark.unmeasured
@pytest.mark.parametrize("words", [["list", "scenarios"], ["list", "analyzers"], ["--help"]])
def test_starting_up_is_instant(words: List[str]) -> None:
    seconds = []
    for _ in range(3):
        begun = os.times()
        assert run_finops(*words).returncode == 0
        ended = os.times()
        seconds.append(ended.children_user + ended.children_system)
        seconds[-1] -= begun.children_user + begun.children_system
    # Of processor, not of waiting for one: the machine may be busy with other things.
    assert min(seconds) < 0.5


@pytest.mark.unmeasured
@pytest.mark.parametrize("words", [["list", "analyzers"], ["--help"]])
def test_starting_up_imports_little(words: List[str]) -> None:
    done = run_finops(*words, launcher=("-X", "importtime", "-m", "finops"))
    modules = re.findall(r"\|\s+(finops[.\w]*)$", done.stderr, re.M)
    assert "finops.cli" in modules
    heavy = ("finops.simulator", "finops.viewer", "finops.generators", "finops.rollups.dataset")
    assert not [name for name in modules if name.startswith(heavy)]
