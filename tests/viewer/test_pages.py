"""Pages: sources shown as they are, policies, staleness, and what a folder of examples gives."""

from __future__ import annotations

import doctest
import html
import os
import re
import time
from pathlib import Path

import pytest

from finops.generators import page
from finops.generators.chartjs import CHARTJS_VERSION
from finops.manifest import SCHEMA_VERSION, STATUSES, write_manifest
from finops.pipeline import Job, analyze
from finops.viewer import handler, pages, tasks
from finops.viewer.datasets import Dataset
from finops.viewer.showcase import find_examples, highlight
from finops.viewer.summary import Summary
from finops.viewer.viewer_state import ALL_IDS
from tests.support.live import QUIET, FakeCommands, live, some_rows
from tests.support.manifests import AT, some_entry, some_manifest
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import ROOT

SOURCES = sorted((ROOT / "src" / "finops" / "viewer").glob("*.py"))


def shown(markup: str) -> str:
    """Return what a browser shows of highlighted source."""
    return html.unescape(re.sub(r"</?span[^>]*>", "", markup))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_highlighting_changes_no_character(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert shown(highlight(source)) == source


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\n\n",
        "x = '<b>&\"'  # <script>\n",
        "x = '''a\n  <i>b\n'''\ny = 1",
        "if True:\n\tprint(f'{1 + 2!r:>{8}} {{}} <b>')\n",
        "é = 'ü'; print('日本', \"\\N{BULLET}\")\n",
        "def f(:\n  'unclosed",
        "x = (\n",
        "\x0c\nx = 1\n",
        "a\\\n  = 1\n",
        "for in <img src=x onerror=alert(1)>",
    ],
)
def test_highlighting_of_odd_sources(source: str) -> None:
    markup = highlight(source)
    assert shown(markup) == source
    assert set(re.findall(r"<[^>]*>", markup)) <= {
        '<span class="comment">',
        '<span class="string">',
        '<span class="number">',
        '<span class="word">',
        '<span class="builtin">',
        "</span>",
    }


def test_words_strings_numbers_and_comments_are_marked() -> None:
    markup = highlight("for x in range(3):  # three\n    print('x')\n")
    assert '<span class="word">for</span>' in markup
    assert '<span class="builtin">range</span>' in markup
    assert '<span class="number">3</span>' in markup
    assert '<span class="comment"># three</span>' in markup
    assert '<span class="string">&#x27;x&#x27;</span>' in markup


def test_examples_see_the_data_and_the_reports_of_the_viewer(tmp_path: Path) -> None:
    room = tmp_path / "showcase" / "queries"
    room.mkdir(parents=True)
    (room / "where.py").write_text(
        '"""Where."""\nimport os\n'
        'print(os.environ.get("FINOPS_DATA"), os.environ["FINOPS_REPORTS"])\n'
    )

    def printed() -> str:
        job = running.post("/api/run-example?id=queries.where").json["job"]["id"]
        running.idle()
        return str(running.get(f"/api/job?job={job}").json["output"]).strip()

    with live(tmp_path, showcase=tmp_path / "showcase") as running:
        assert printed() == f"None {tmp_path / 'reports'}"
        path = some_rows(tmp_path)
        assert printed() == f"{path} {tmp_path / 'reports'}"
        (path.parent / "other.csv").write_bytes(path.read_bytes())
        running.post("/api/dataset?name=other.csv")
        running.idle()
        folder = tmp_path / "reports" / "datasets" / "other"
        assert printed() == f"{path.parent / 'other.csv'} {folder}"


def test_examples_are_found_by_their_docstring(tmp_path: Path) -> None:
    room = tmp_path / "queries"
    room.mkdir()
    (room / "good.py").write_text('"""Costs: who and what.\n\nMore on it.\n"""\n')
    (room / "_part.py").write_text('"""A part."""\n')
    (room / "silent.py").write_text("x = 1\n")
    (room / "broken.py").write_text('"""Broken."""\ndef f(:\n')
    (room / "link.py").symlink_to(room / "good.py")
    found = find_examples(tmp_path)
    assert list(found) == ["queries.good"]
    assert (found["queries.good"].title, found["queries.good"].lead) == ("Costs", "Who and what.")
    assert found["queries.good"].text == "More on it."
    assert find_examples(tmp_path / "nothing") == {}


def test_the_showcase_of_this_project_is_listed_and_shown(tmp_path: Path) -> None:
    examples = find_examples(ROOT / "showcase")
    assert len(examples) >= 10
    with live(tmp_path, showcase=ROOT / "showcase") as running:
        listing = running.get("/showcase").body.decode()
        for example in examples.values():
            assert f'href="/showcase/{example.id}"' in listing
            answer = running.get(f"/showcase/{example.id}")
            assert answer.status == 200
            assert html.escape(example.path.name) in answer.body.decode()


def test_a_scenario_s_page_is_linked_once_it_is_there(tmp_path: Path) -> None:
    with live(tmp_path, showcase=ROOT / "showcase") as running:
        address = "/showcase/scenarios.scenario_viral_spike"
        link = '<a class="button" id="example-page" href="/reports/scenario_viral_spike.html"'
        assert f"{link} hidden>" in running.get(address).body.decode()
        (tmp_path / "reports").mkdir()
        (tmp_path / "reports" / "scenario_viral_spike.html").write_text("made")
        assert f"{link}>" in running.get(address).body.decode()
        assert running.get("/reports/scenario_viral_spike.html").body == b"made"
        assert "example-page" not in running.get("/showcase/queries.time_series").body.decode()


def test_a_report_that_is_not_made_yet_is_a_page_for_people_and_json_for_programs(
    tmp_path: Path,
) -> None:
    with live(tmp_path) as running:
        program = running.get("/reports/pricing.html")
        assert (program.status, program.json["success"]) == (404, False)
        person = running.get("/reports/pricing.html", Accept="text/html,*/*;q=0.8")
        assert person.status == 404
        assert b'<a href="/">' in person.body


def test_the_policy_of_a_report_is_its_own_but_never_laxer() -> None:
    current = page.content_security_policy(header=True)
    plain = page.content_security_policy()
    assert pages.report_policy(plain) == current
    older = re.sub(r"'sha256-[^']+'", "'sha256-" + "A" * 43 + "='", plain)
    older = older.replace(CHARTJS_VERSION, "4.4.0")
    assert pages.report_policy(older) == older + current[len(plain) :]
    before_workers = re.sub(r"connect-src \S+; worker-src data:; ", "", older)
    assert pages.report_policy(before_workers) == before_workers + current[len(plain) :]
    for laxer in (
        plain.replace("'self'", "'self' 'unsafe-inline'"),
        plain.replace("default-src 'none'", "default-src *"),
        plain.replace("img-src data:", "img-src *"),
        plain.replace("worker-src data:", "worker-src *"),
        re.sub(r"connect-src \S+;", "connect-src *;", plain),
        re.sub(r"(connect-src \S+)umd", r"\1other", plain),
        plain.replace("cdn.jsdelivr.net", "cdn.evil.test"),
        f"{plain}; img-src *",
        f"{plain}\n",
        f"{plain}\r\nSet-Cookie: a=b",
        "default-src *",
        "",
    ):
        assert pages.report_policy(laxer) == current


def test_reports_made_elsewhere_are_judged_by_time(tmp_path: Path) -> None:
    path = some_rows(tmp_path)
    with live(tmp_path) as running:
        running.post("/api/run-analyzer?id=pricing")
        running.idle()
        with open(str(path), "ab") as out:
            out.write(b"row\n")
        assert running.status()["reports"]["pricing.html"]["stale"] is True
        report = tmp_path / "reports" / "pricing.html"
        report.write_text("made by another program")
        os.utime(str(report), (time.time() + 5, time.time() + 5))
        assert running.status()["reports"]["pricing.html"]["stale"] is False
        write_manifest(some_manifest("other.csv"), tmp_path / "reports" / "manifest.json")
        assert running.status()["reports"]["pricing.html"]["stale"] is True


def test_what_happened_before_the_server_started_is_in_the_manifest(tmp_path: Path) -> None:
    """Each state, with its reason; nothing is read from the pages, which say nothing of it."""
    data, reports = some_rows(tmp_path), tmp_path / "reports"
    reports.mkdir()
    entries = [
        some_entry("alignment", size_bytes=4, headline="One pays for all"),
        some_entry("pricing", size_bytes=4, status="failed", reason="ValueError: a test"),
        some_entry("realtime", size_bytes=0, status="failed", reason="out of memory"),
        some_entry("features", size_bytes=4, status="stale", reason="The data has changed."),
    ]
    for entry in entries:
        if entry.size_bytes:
            (reports / entry.filename).write_bytes(b"page")
    write_manifest(some_manifest(data.name, *entries), reports / "manifest.json")
    os.utime(str(data), (1_000_000_000, 1_000_000_000))
    with live(tmp_path) as running:
        shown = {one["id"]: one for one in running.status()["reports"].values()}
        states = {name: (one["status"], one["reason"], one["stale"]) for name, one in shown.items()}
        assert states["alignment"] == ("ok", "", False)
        assert states["pricing"] == ("failed", "ValueError: a test", True)
        assert states["realtime"] == ("failed", "out of memory", False)
        assert states["features"] == ("stale", "The data has changed.", True)
        assert states["churn_growth"] == ("not_run", "", False)
        assert {status for status, _, _ in states.values()} == set(STATUSES)
        assert shown["alignment"]["generated_at"] == AT
        assert shown["alignment"]["headline"] == "One pays for all"
        assert (shown["realtime"]["exists"], shown["realtime"]["generated_at"]) == (False, None)
        dashboard = running.get("/").body.decode("utf-8")
        for word in ("Ready", "Failed", "Older than the data", "Not generated yet"):
            assert f">{word}</span>" in dashboard


def test_a_manifest_of_another_version_counts_as_none(tmp_path: Path) -> None:
    data, reports = some_rows(tmp_path), tmp_path / "reports"
    reports.mkdir()
    (reports / "pricing.html").write_bytes(b"page")
    failed = some_entry("pricing", size_bytes=4, status="failed", reason="ValueError: a test")
    manifest = some_manifest(data.name, failed)._replace(schema_version=SCHEMA_VERSION + 1)
    write_manifest(manifest, reports / "manifest.json")
    with live(tmp_path) as running:
        status = running.status()
        assert status["csv"]["period"] is None
        report = status["reports"]["pricing.html"]
        assert (report["status"], report["reason"], report["headline"]) == ("ok", "", "")


def test_a_linked_dataset_is_one_and_odd_names_harm_nothing(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "big.csv").write_bytes(b"header\nrow\nrow\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "calls.csv").symlink_to(elsewhere / "big.csv")
    with open(os.fsencode(str(tmp_path / "data")) + b"/\xff\xfe.csv", "wb") as out:
        out.write(b"header\n")
    with live(tmp_path) as running:
        status = running.wait(lambda s: s["csv"]["calls"] == 2 and s)
        assert status["csv"]["exists"] is True
        assert len(status["datasets"]) == 2
        assert running.get("/").status == 200
        assert running.post("/api/run-analyzer?id=pricing").status == 202


def test_the_reports_of_each_dataset_are_its_own(tmp_path: Path) -> None:
    some_rows(tmp_path)
    (tmp_path / "data" / "other.csv").write_bytes(b"header\nrow\n")
    with live(tmp_path, FakeCommands(), pace=QUIET) as running:
        running.post("/api/run-all")
        running.idle()
        first = running.get("/reports/pricing.html").body
        running.post("/api/dataset?name=other.csv")
        running.idle()
        time.sleep(3 * QUIET.interval_s)
        assert not any(one["stale"] for one in running.status()["reports"].values())
        assert running.get("/reports/pricing.html").body != first
        assert (tmp_path / "reports" / "datasets" / "other" / "pricing.html").is_file()
        assert set(running.status()["analyzer_status"]) == set(ALL_IDS)
        running.post("/api/dataset?name=calls.csv")
        assert running.get("/reports/pricing.html").body == first


@pytest.mark.parametrize("module", [handler, tasks], ids=lambda m: m.__name__)
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_an_address_that_is_not_there_is_a_page_to_a_browser_and_json_to_a_program(
    tmp_path: Path,
) -> None:
    with live(tmp_path) as running:
        page_of_browser = running.get("/nothing", Accept="text/html,*/*;q=0.8")
        assert page_of_browser.status == 404
        text = page_of_browser.body.decode("utf-8")
        assert "There is nothing at this address." in text
        assert 'href="/"' in text
        assert 'href="/reports/index.html"' in text
        to_program = running.get("/nothing")
        assert (to_program.status, to_program.json["success"]) == (404, False)
        refused = running.get("/nothing", Accept="text/html", Host="evil.test:1")
        assert refused.status == 403


def test_an_empty_dashboard_begins_with_own_data(tmp_path: Path) -> None:
    with live(tmp_path) as running:
        for address in ("/", "/first-screen"):
            text = running.get(address).body.decode("utf-8")
            assert "Start with your own data" in text
            assert "finops import FILE --out" in text


def test_the_first_screen_of_the_dashboard_is_that_of_the_index(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "calls.csv", varied_rows(300))
    reports = tmp_path / "reports"
    outcome = analyze(Job(data, reports, only=("understanding", "profitability")))
    assert not outcome.failed
    summary = Summary()
    summary.refresh(Dataset(data.name, data, reports))
    cards = re.search(r'<dl class="cards">.*?</dl>', summary.first_screen(), re.S)
    assert cards
    assert cards.group() in (reports / "index.html").read_text(encoding="utf-8")
    assert "Daily cost by provider" in summary.first_screen()
    assert "Events:" not in summary.first_screen()
    (tmp_path / "calls.events.csv").write_text("start,title\n2025-01-01,Launch\n")
    (reports / "pricing.json").write_text("{}")
    summary.refresh(Dataset(data.name, data, reports))
    assert "Launch" in summary.first_screen()
    (reports / "understanding.json").write_text('{"by_day": [5]}', encoding="utf-8")
    summary.refresh(Dataset(data.name, data, reports))
    assert summary.first_screen() == ""
