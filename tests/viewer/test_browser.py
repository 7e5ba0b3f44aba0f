"""The dashboard in a real browser: everything a person does with it, and what they are told."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

from finops.registry import ANALYZER_REGISTRY
from finops.viewer import app
from finops.viewer.monitor import Intervals
from finops.viewer.tasks import Commands
from finops.viewer.viewer_state import Settings
from scripts.chromium import FLAGS
from tests.support.browsers import PatientBrowser
from tests.support.live import QUIET, FakeCommands, Live, live, some_rows
from tests.support.patience import allowed_s
from tests.support.rows import varied_rows, write_csv
from tests.support.shared import PATIENCE_S
from tests.support.tools import need
from tests.viewer.test_collector import RECORD

pytestmark = [pytest.mark.unmeasured, pytest.mark.long]


DATE = r"\d{1,2} [A-Z][a-z]{2} \d{4}"  # as all pages write it
REPORTS = len(ANALYZER_REGISTRY)
FIRST_SCREEN = {"width": 1400, "height": 800}
# Where the figures and the daily cost end: the cards before the chart, and the chart.
LOWEST = """Math.max(...[...document.querySelectorAll("#chart-daily-cost, .card")]
    .filter((part) => !(part.compareDocumentPosition(document.getElementById("chart-daily-cost"))
        & Node.DOCUMENT_POSITION_PRECEDING))
    .map((part) => part.getBoundingClientRect().bottom))"""
# A message is gone after a while, so each is written down when it appears.
WRITE_DOWN = """window.messages = [];
new MutationObserver((changes) => {
    for (const change of changes) {
        for (const box of change.addedNodes) {
            window.messages.push(box.querySelector("span").textContent);
        }
    }
}).observe(document.getElementById("toasts"), { childList: true });"""
GENERATING = """[...document.querySelectorAll("#jobs li")]
    .filter((job) => job.textContent.includes("Generate"))
    .flatMap((job) => [...job.querySelectorAll("progress")].map((bar) => bar.value))"""


@contextmanager
def dashboard(browser: Any, running: Live, **options: Any) -> Iterator[Any]:
    """Open the dashboard; at the end nothing may have been logged as an error."""
    errors: List[str] = []
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto(running.running.url)
    page.evaluate(WRITE_DOWN)
    page.wait_for_selector(".connection.up")
    try:
        yield page
    finally:
        context.close()
    # A refused request is written to the console by the browser itself, and is no defect.
    assert [e for e in errors if "Failed to load resource" not in e] == []


def text(page: Any, selector: str) -> str:
    found: str = page.text_content(selector)
    return found.strip()


def messages(page: Any) -> List[str]:
    """Return every message that was shown since the page was opened."""
    shown: List[str] = page.evaluate("window.messages")
    return shown


def was_told(page: Any, words: str) -> bool:
    return any(words in message for message in messages(page))


def reports_told(page: Any) -> int:
    """Return how many new reports were told of, in however many messages."""
    count = 0
    for message in messages(page):
        several = re.fullmatch("([0-9]+) reports are new", message)
        named = message.startswith("New: ")
        count += int(several.group(1)) if several else named * len(message.split(", "))
    return count


def until(page: Any, condition: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    """Wait for a condition; the page's own events go on meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "the page never became so"
        page.wait_for_timeout(50)


def word(page: Any, name: str) -> str:
    return text(page, f"#report-{name} .word")


def test_from_nothing_to_a_report_by_keyboard(browser: Any, tmp_path: Path) -> None:
    """Generate, run and open with the real commands, without touching a mouse."""
    with live(tmp_path, Commands(), time_limit_s=120.0, target_mb=1.0) as running, dashboard(
        browser, running
    ) as page:
        assert text(page, "#calls") == "0"
        assert word(page, "profitability") == "Not generated yet"
        page.focus("#generate-size")
        page.keyboard.press("Control+A")
        page.keyboard.type("1")
        page.keyboard.press("Enter")
        until(page, lambda: text(page, "#size").startswith("1 of 1"))
        until(page, lambda: int(text(page, "#calls").replace(",", "")) > 1000)
        until(page, lambda: was_told(page, "done"))
        tab_to(page, "#report-profitability .run")
        page.keyboard.press("Enter")
        until(page, lambda: word(page, "profitability") == "Ready")
        until(page, lambda: was_told(page, "New: Customer Profitability"))
        until(page, lambda: bool(re.fullmatch(f"{DATE} to {DATE}", text(page, "#period"))))
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == (
            "Run Customer Profitability"
        )
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('Customer Profitability')")
        assert page.url.endswith("/reports/profitability.html")


def tab_to(page: Any, selector: str) -> None:
    """Reach an element with the Tab key alone."""
    page.evaluate("document.activeElement.blur()")
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement === document.querySelector(s)", selector):
            return
    pytest.fail(f"{selector} cannot be reached with the Tab key")


def press(page: Any, selector: str) -> None:
    """Reach a button with the Tab key and press it."""
    tab_to(page, selector)
    page.keyboard.press("Enter")


def has_focus(page: Any, selector: str) -> bool:
    found: bool = page.evaluate("s => document.activeElement.matches(s)", selector)
    return found


def test_data_arrives_and_the_monitor_renews_the_reports(browser: Any, tmp_path: Path) -> None:
    """By keyboard alone, and the focus stays where it is all the time."""
    pace = Intervals(interval_s=0.2, gap_s=0.5, growth_bytes=1 << 40, max_pause_s=2)
    commands = FakeCommands(generate_s=min(24.0, allowed_s(8.0)))
    with live(tmp_path, commands, monitor=True, pace=pace) as running, dashboard(
        browser, running
    ) as page:
        tab_to(page, "#generate-size")
        page.evaluate("document.addEventListener('focusout', () => { window.jumped = true; })")
        page.keyboard.press("Control+A")
        page.keyboard.type("2")
        page.keyboard.press("Enter")
        shown: List[float] = []

        def seen() -> bool:
            bars = page.evaluate(GENERATING)  # in one look: a bar may be gone a moment later
            shown.extend(map(float, bars))
            return bool(shown) and not bars

        until(page, seen)
        assert shown == sorted(shown)
        assert len(set(shown)) >= 3
        running.wait(lambda s: s["monitor"]["last_regeneration"])
        page.evaluate("window.dispatchEvent(new Event('online'))")  # instead of 15 s of waiting
        until(page, lambda: reports_told(page) >= REPORTS)
        until(page, lambda: page.locator(".report.ready").count() == REPORTS)
        until(page, lambda: "All reports: the data changed" in text(page, "#activity"))
        until(page, lambda: "2 of " in text(page, "#size"))
        assert has_focus(page, "#generate-size")
        assert page.evaluate("window.jumped") is None


def test_charts_are_drawn_in_the_sandbox(browser: Any, tmp_path: Path) -> None:
    need("node_modules/chart.js/dist/chart.umd.js")
    (tmp_path / "data").mkdir()
    write_csv(tmp_path / "data" / "calls.csv", varied_rows(500))
    with live(tmp_path, Commands(), time_limit_s=120.0) as running:
        running.post("/api/run-analyzer?id=understanding")
        running.idle()
        page = browser.new_page()
        refused: List[str] = []
        page.on("console", lambda m: refused.append(m.text))
        page.goto(running.running.url + "reports/understanding.html")
        drawn = "[...document.querySelectorAll('canvas')].filter(c => c.width && c.getContext('2d')"
        drawn += ".getImageData(0, 0, c.width, c.height).data.some(v => v)).length"
        until(page, lambda: page.evaluate(drawn) >= 2)
        assert refused == []
        assert page.evaluate("self.origin") == "null"  # sandboxed: no way to our API
        answer = page.evaluate(
            "a => fetch(a, {method: 'POST', headers: {'Content-Type': 'application/json'}, "
            "body: '{}'}).then(() => 'let through', () => 'refused')",
            running.running.url + "api/run-all",
        )
        assert answer == "refused"
        page.close()
        with dashboard(browser, running, viewport=FIRST_SCREEN) as page:
            page.wait_for_selector("#chart-daily-cost .plot")
            assert page.locator(".card").count() >= 2
            assert page.evaluate(LOWEST) <= FIRST_SCREEN["height"]


def test_what_is_collected_is_counted(browser: Any, tmp_path: Path) -> None:
    with live(tmp_path, collect=True) as running, dashboard(browser, running) as page:
        assert text(page, "#period") == "no file yet"
        shown = "Collecting into collected_calls.csv: {} since the start."
        assert text(page, "#collector") == shown.format("0 events")
        assert running.post("/v1/events/batch", [RECORD]).json["accepted"] == 1
        page.evaluate("window.dispatchEvent(new Event('online'))")
        until(page, lambda: text(page, "#collector") == shown.format("1 event"))


def test_failures_and_timeouts_are_shown(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    modes = {"pricing": "sleep", "features": "crash"}
    limit_s = min(30.0, allowed_s(6.0))  # the page has to be seen running before
    said = f"Timed out after {limit_s:.0f} s."
    with live(tmp_path, FakeCommands(modes), time_limit_s=limit_s) as running, dashboard(
        browser, running
    ) as page:
        press(page, "#report-pricing .run")
        until(page, lambda: word(page, "pricing") == "Running")
        assert page.get_attribute("#report-pricing .run", "aria-disabled") == "true"
        until(page, lambda: re.search("[1-9] s", text(page, "#report-pricing .more")))
        press(page, "#report-features .run")
        until(page, lambda: word(page, "pricing") == "Timed out")
        until(page, lambda: word(page, "features") == "Failed")
        assert said in text(page, "#report-pricing .more")
        until(page, lambda: was_told(page, said))
        until(page, lambda: "failed" in text(page, "#activity"))
        assert has_focus(page, "#report-features .run")


def test_run_all_progress_and_cancel(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"*": "held"})) as running, dashboard(
        browser, running
    ) as page:
        press(page, "#run-all")
        until(page, lambda: page.locator(".report.running").count() == REPORTS)
        until(page, lambda: page.get_attribute("#run-all", "aria-disabled") == "true")
        press(page, "#jobs .cancel")
        until(page, lambda: page.locator("#jobs li").count() == 0)
        until(page, lambda: was_told(page, "Cancelled"))
        until(page, lambda: page.get_attribute("#run-all", "aria-disabled") == "false")
        assert has_focus(page, "#run-all")
        running.commands.modes.clear()
        page.keyboard.press("Enter")
        until(page, lambda: page.locator(".report.ready").count() == REPORTS)
        until(page, lambda: reports_told(page) == REPORTS)
        assert has_focus(page, "#run-all")


def test_the_focus_stays_on_a_job_when_one_before_it_ends(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    modes = {"pricing": "held", "features": "wait 600"}
    with live(tmp_path, FakeCommands(modes)) as running, dashboard(browser, running) as page:
        # One after the other, or the second request could be the first to arrive.
        for name in modes:
            press(page, f"#report-{name} .run")
            label = ANALYZER_REGISTRY[name].title
            until(page, page.locator("#jobs li", has_text=label).count)
        tab_to(page, "#jobs li:last-child .cancel")
        until(page, (tmp_path / "reports").is_dir)
        (tmp_path / "reports" / "go-on").touch()
        until(page, lambda: page.locator("#jobs .cancel").count() == 1)
        assert has_focus(page, "#jobs .cancel")
        page.keyboard.press("Enter")
        until(page, lambda: page.locator("#jobs .cancel").count() == 0)
        assert has_focus(page, "#report-features .run")


def test_datasets_can_be_switched(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    evil = "<img src=x onerror=alert(1)>.csv"
    (tmp_path / "data" / evil).write_bytes(b"header\n" + b"row\n" * 7)
    with live(tmp_path) as running, dashboard(browser, running) as page:
        until(page, lambda: text(page, "#calls") == "50")
        tab_to(page, "#switch-name")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        until(page, lambda: text(page, "#csv-name") == evil and text(page, "#calls") == "7")
        until(page, lambda: page.locator(".report.ready").count() == REPORTS)
        assert running.commands.analyses, "its first reports are made"
        assert page.locator("main img").count() == 0
        assert has_focus(page, "#switch-form button")
        page.select_option("#switch-name", "calls.csv")
        page.click("#switch-form button")
        until(page, lambda: text(page, "#calls") == "50")


def test_loss_and_return_of_the_server(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path) as running, dashboard(browser, running) as page:
        app.stop(running.running, 0)
        press(page, "#run-all")
        page.wait_for_selector(".connection.down")
        assert "trying again in" in text(page, "#connection")
        until(page, lambda: was_told(page, "Cannot reach the server"))
        assert text(page, "#calls") == "50"
        settings = Settings(
            tmp_path / "data" / "calls.csv", tmp_path / "reports", monitor=False, pace=QUIET
        )
        again = app.start(settings, running.port, commands=FakeCommands())
        try:
            page.wait_for_selector(".connection.up")
            assert has_focus(page, "#run-all")
            press(page, "#report-pricing .run")
            until(page, lambda: word(page, "pricing") == "Ready")
        finally:
            app.stop(again, 0)


def test_focus_scroll_and_elements_survive_updates(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"*": "wait 0.05"})) as running, dashboard(
        browser, running
    ) as page:
        page.focus("#report-features .run")
        page.evaluate("document.querySelectorAll('*').forEach(e => { e.kept = true; })")
        page.evaluate("window.scrollTo(0, 600)")
        page.keyboard.press("Enter")
        until(page, lambda: word(page, "features") == "Ready")
        running.idle()  # a report is ready before its job has ended, and keeps it from others
        assert running.post("/api/run-all").status == 202
        page.evaluate("window.dispatchEvent(new Event('online'))")
        until(page, lambda: page.locator(".report.ready").count() == REPORTS)
        # As long as the job is listed above, what is read stays where it is, not the number.
        until(page, lambda: page.locator("#jobs li").count() == 0)
        until(page, lambda: page.evaluate("window.scrollY") == 600)
        assert page.evaluate("document.activeElement.closest('.report').id") == "report-features"
        fresh = "[...document.querySelectorAll('main *')].filter(e => !e.kept && !e.closest("
        fresh += "'#activity, #jobs, #switch-name')).map(e => e.outerHTML)"
        assert page.evaluate(fresh) == []


def test_the_page_slows_down_and_catches_up(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"*": "held"})) as running, dashboard(
        browser, running
    ) as page:
        polls: List[str] = []
        page.on("request", lambda r: polls.append(r.url) if "/api/status" in r.url else None)
        page.wait_for_timeout(2500)
        assert polls == []
        begun = time.monotonic()
        page.click("#report-pricing .run")
        until(page, lambda: len(polls) >= 4)
        # One for the click, and then one a second at most.
        assert len(polls) <= 2 + time.monotonic() - begun


def test_rebinding_chromium(playwright: Any, tmp_path: Path) -> None:
    """A name that an attacker points at this machine gets nothing but a refusal."""
    rules = "--host-resolver-rules=MAP evil.test 127.0.0.1"
    some_rows(tmp_path)
    with live(tmp_path) as running:
        chromium = PatientBrowser(
            playwright.chromium.launch(executable_path=need("chromium"), args=[*FLAGS, rules])
        )
        page = chromium.new_page(bypass_csp=True)  # or the refusal's own policy would refuse
        for target in ("/", "/api/status", "/reports/index.html"):
            answer = page.goto(f"http://evil.test:{running.port}{target}")
            assert answer.status == 403
        posted = page.evaluate(
            "fetch('/api/run-all', {method: 'POST', body: '{}', headers: {'Content-Type': "
            "'application/json'}}).then(r => r.status)"
        )
        assert posted == 403
        assert running.status()["jobs"] == []
        chromium.close()


def test_without_javascript_everything_is_listed_and_linked(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path) as running:
        running.post("/api/run-all")
        running.idle()
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(running.running.url)
        links = page.locator(".report a:visible")
        assert links.count() == REPORTS
        assert page.locator("button:visible").count() == 0
        links.nth(3).click()
        assert "/reports/" in page.url
        context.close()


# --- accessibility ------------------------------------------------------------------------------


def example_folder(folder: Path) -> Path:
    room = folder / "showcase" / "metadata"
    room.mkdir(parents=True)
    (room / "tags.py").write_text(
        '"""Tags: label a call.\n\nUse case: any.\n"""\nimport os  # a comment\n'
        'print("tag <b>", 42, "\\x1b[31mred\\x1b[0m")\n'
    )
    return folder / "showcase"


def serious(page: Any) -> List[str]:
    """Return what axe finds at WCAG 2.1 AA, as short lines."""
    page.evaluate(Path(need("node_modules/axe-core/axe.min.js")).read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', "
        "'best-practice']}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.length + ' ' "
        "+ v.nodes[0].html + ' ' + v.nodes[0].failureSummary))"
    )
    return list(found)


def everywhere(page: Any) -> List[str]:
    """Return what axe finds on a wide screen and on a phone's."""
    found = []
    for width in (1400, 390):
        page.set_viewport_size({"width": width, "height": 900})
        found += serious(page)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, tmp_path: Path, scheme: str) -> None:
    need("node_modules/axe-core/axe.min.js")
    some_rows(tmp_path)
    modes = {"pricing": "held", "features": "crash"}
    options = {"color_scheme": scheme, "bypass_csp": True}
    with live(tmp_path, FakeCommands(modes), showcase=example_folder(tmp_path)) as running:
        for name in ("understanding", "features", "pricing"):
            running.post(f"/api/run-analyzer?id={name}")
        running.wait(lambda s: s["analyzer_status"]["features"]["status"] == "error")
        with dashboard(browser, running, **options) as page:
            page.wait_for_selector(".report.running")
            page.evaluate("document.getElementById('toasts').lastElementChild?.remove()")
            assert everywhere(page) == []
            running.commands.modes.clear()
            page.click("#report-alignment .run")
            page.wait_for_selector(".toast")
            assert everywhere(page) == []
            for target in ("showcase", "showcase/metadata.tags", "docs", "docs/data-format"):
                page.goto(running.running.url + target)
                page.wait_for_selector("html.scripted")
                assert everywhere(page) == [], target


@pytest.mark.parametrize("width", [390, 768, 1600])
def test_no_page_scrolls_sideways(browser: Any, tmp_path: Path, width: int) -> None:
    some_rows(tmp_path)
    long = "a" * 120 + ".csv"
    (tmp_path / "data" / long).write_bytes(b"header\n")
    size = {"viewport": {"width": width, "height": 800}}
    modes = {"pricing": "held"}
    with live(tmp_path, FakeCommands(modes), showcase=example_folder(tmp_path)) as running:
        running.post(f"/api/dataset?name={long}")
        running.post("/api/run-analyzer?id=pricing")
        with dashboard(browser, running, **size) as page:
            for target in ("", "showcase", "showcase/metadata.tags", "docs/data-format"):
                page.goto(running.running.url + target)
                page.wait_for_selector("html.scripted")
                page.wait_for_timeout(200)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, target


def test_an_example_runs_and_its_output_is_inert(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, showcase=example_folder(tmp_path)) as running:
        page = browser.new_page()
        page.goto(running.running.url + "showcase")
        page.click("a:has-text('Tags')")
        assert text(page, ".intro .purpose") == "Label a call."
        assert "Use case: any." in text(page, ".prose")
        assert page.locator(".code .comment").text_content() == "# a comment"
        page.click("#run-example")
        until(page, lambda: "Done in" in text(page, "#example-state"))
        assert text(page, "#output") == "tag <b> 42 red"
        assert page.locator("#output b").count() == 0
        page.close()


def test_switching_is_announced_politely(browser: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path) as running, dashboard(browser, running) as page:
        assert page.get_attribute("#toasts", "aria-live") == "polite"
        page.click("#report-pricing .run")
        page.hover(".toast.success")  # it stays as long as the pointer is on it
        press(page, ".toast button")
        assert page.locator(".toast").count() == 0
        assert not has_focus(page, "body")
