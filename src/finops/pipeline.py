"""From a dataset to reports: scan once, analyze each, write pages, index and manifest.

The trade-off: all analyses share one pass over the file, which makes them cheap; an exception
costs only its own report, but a crash of the interpreter costs the run.  Callers that need a
time limit run this in a subprocess, as the viewer does.  Where the dataset is large enough
two processes share the analyses out between them.

What makes pages is imported when one is made: a run that leaves all of them as they are takes
little longer than its imports do.

Each file is moved into place whole, so an interrupted run leaves complete pages, old or new.
"""

from __future__ import annotations

import json
import time
import traceback
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from finops import config, registry
from finops.analyzers.shared import request_count
from finops.analyzers.shared.budget_months import BudgetMonth, budget_months, tables_of
from finops.analyzers.shared.coverage import COVERAGE_TABLES, coverage_of
from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.analyzers.shared.explore_cube import EXPLORE_TABLES, explore_cubes
from finops.atomic import is_aside, replacing, target_name, write_aside
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.errors import FinOpsError, StorageError
from finops.generators.chartjs import copy_library
from finops.generators.navigation import EXPLORE_FILE
from finops.kept_reports import FileDigest, KeptReport, KeptRun, keep, kept, key_of
from finops.manifest import MANIFEST, REDACTED, PricesEntry, RunOptions
from finops.parallel import TaskSet, run_in_two_processes
from finops.publishing import INDEX, Made, headline_of, publish, scenario_pages
from finops.reader.event_log import Event, read_events
from finops.reader.options import ReadingOptions
from finops.reading_choices import ReadingChoices
from finops.registry import Analysis
from finops.results.long_lists import let_go
from finops.rollups.dataset import Dataset, open_dataset
from finops.rollups.protocol import CallDataset, Source
from finops.rollups.redaction import RedactedDataset, Redactor
from finops.rollups.spec import Rollups, Table
from finops.timestamps import utc_text
from finops.typed_json import to_json

_Found = TypeVar("_Found")
Result = Dict[str, Any]
Step = Callable[[str, int, int], None]

_STALE_TEMPORARY_S = 60
# Two processes hold the tables of two analyses at a time, which are several times what is kept
# of a file; 500 MB of calls, of which 55 MB are kept, may take 350 MB in all.
_KEPT_FOR_TWO_BYTES = 64 * config.MEGABYTE
_MODELS = Table(("provider", "model"), ("unpriced",))
CONTEXT_TABLES = (*COVERAGE_TABLES, HOURLY_CALLS, _MODELS)
# The analysis of which the Explore page names customers.
_NAMED_BY_EXPLORE = "profitability"
# What a run of all reports writes beside their own files.
_OTHER_FILES = (INDEX, MANIFEST, EXPLORE_FILE)
# Reports that can say how well their detectors did where the truth is known, by kind.
EVALUATED: Dict[str, Sequence[str]] = {
    "realtime": ("hour_burst", "slow_provider"),
    "token_economics": ("prompt_waster",),
    "churn_growth": ("departed_customer",),
    "abuse_detection": ("viral_customer", "rate_limit_abuser", "region_hopper"),
}
# What all detectors together need.
EVALUATION_NEEDS = ("dataset_overview", *EVALUATED)


class Outcome(NamedTuple):
    """What a run made: results by id, how each report went in the registry's order, the page to
    open, what returns the facts of the dataset, and what its months spent of the job's budgets.
    """

    results: Dict[str, Result]
    reports: List[Made]
    index_page: Path
    facts: Callable[[], Rollups]
    budget_months: Sequence[BudgetMonth] = ()

    @property
    def rollups(self) -> Rollups:
        """The facts of the dataset, without tables."""
        return self.facts()

    @property
    def failed(self) -> List[Made]:
        """The reports that could not be made."""
        return [report for report in self.reports if report.reason]


class Job(NamedTuple):
    """What to run: `source` (a path or an opened dataset), into which folder, `only` which
    ids (none is all).  `options` is how to read a path, `choices` what the user said of that, for
    the manifest.  `cache`: keep what was read beside the dataset, and read only what was
    appended since.  `step(id, number, of how many)` is called before each analysis,
    `finished` after each report, in the process that made it.  `budgets`: those that every
    month of the data is held against.  `redactor`: what replaces the names of customers and
    organizations; nothing is then kept beside the dataset, and events, which are free text, are
    not marked.  `most_keys`: how many customers, or kinds of calls, a path may have.
    `all_rows`: lists of results have all rows, and not `config.LISTED_ROWS` and one on the rest.
    """

    source: Source
    reports: Path
    only: Sequence[str] = ()
    workers: Optional[int] = None
    prices: PriceTable = DEFAULT_PRICES
    cache: bool = False
    scanned: Optional[Callable[[int, int], None]] = None
    step: Step = lambda name, number, total: None
    finished: Callable[[Made], None] = lambda made: None
    options: ReadingOptions = ReadingOptions()
    choices: ReadingChoices = ReadingChoices()
    events: Optional[Path] = None  # by default those that the dataset knows of
    budgets: Sequence[config.Budget] = ()
    redactor: Optional[Redactor] = None
    most_keys: Optional[int] = None
    all_rows: bool = False

    @property
    def selected(self) -> List[Analysis]:
        """The analyses to run, in the registry's order."""
        known = registry.ANALYZER_REGISTRY.values()
        return [one for one in known if not self.only or one.id in self.only]


def compute(job: Job) -> Dict[str, Result]:
    """Return the results of the selected analyses and write nothing.

    Raises what the first failing analyzer raises, DataError where the file cannot be read.
    """
    dataset = _opened(job._replace(cache=False))
    declared = {one.id: one.analyzer.TABLES for one in job.selected}
    dataset.fill(dict.fromkeys(table for tables in declared.values() for table in tables))
    spent = _last_uses(declared)
    results = {}
    for one in job.selected:
        results[one.id] = one.analyzer(dataset).analyze()
        dataset.forget(spent[one.id])
    return results


def analyze(job: Job) -> Outcome:
    """Analyze the dataset and write reports, index and manifest.

    Raises DataError where the file as a whole cannot be read, StorageError where the folder,
    the index or the manifest cannot be written.  What goes wrong with one report is in the
    outcome, and its previous page is kept.  Where everything would be made as it is there, it is
    left as it is (see `kept_reports`).
    """
    _prepare(job.reports)
    run = _Run(job)
    run.scan()
    key = run.key()
    before = kept(job.reports, key, run.ids, _OTHER_FILES)
    if before is not None:
        return run.leave(before)
    with run.keeping_tables():
        run.prepare()
        run_in_two_processes(run, together=run.is_worth_two)
        outcome = run.outcome()
    if not outcome.failed:
        keep(job.reports, key, list(map(_kept_report, outcome.reports)), run.other_files)
    return outcome


def json_text(result: Mapping[str, Any]) -> str:
    """Return a result as strict JSON.  Raises ValueError for what JSON cannot say."""
    return json.dumps(result, allow_nan=False, indent=1) + "\n"


def write_results(results: Mapping[str, Result], folder: Path) -> None:
    """Write each result as ID.json.  Raises StorageError where that cannot be done."""
    try:
        for name, result in results.items():
            write_aside(folder / f"{name}.json", json_text(result))
    except OSError as error:
        raise StorageError(
            f"cannot write results to {folder}: {error.strerror}; give another folder to --json"
        ) from error


class _Run(TaskSet):
    """One run's state: what is scanned, computed and written so far; its jobs are the analyses."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._dataset = _opened(job)
        self._spent: Dict[str, List[Table]] = {}
        self._made: Dict[str, Made] = {one.id: Made(one) for one in job.selected}
        self._results: Dict[str, Result] = {}
        self._context: Dict[str, Any] = {}
        self._events: Sequence[Event] = ()
        self._truth: Dict[str, Any] = {}
        self._has_chart_library = False
        self.other_files: List[FileDigest] = []
        self.count = len(job.selected)

    @property
    def ids(self) -> List[str]:
        """The ids of the reports in their order."""
        return list(self._made)

    def key(self) -> str:
        """Return what all that this run will write follows from, "" where it is not known.

        It is where all reports are made, of data that was kept, by analyses of this package.
        Nothing is aggregated for it: what tables and facts hold follows from the data and from
        how it was read.
        """
        if self._job.only or not self._job.cache or not isinstance(self._dataset, Dataset):
            return ""
        foreign = [one for one in self._job.selected if not _is_ours(one)]
        if foreign or any(made.reason for made in self._made.values()):
            return ""
        prices = self._job.prices
        about = {
            "day": utc_text(time.time())[: len("2025-01-31")],
            "events": [event._asdict() for event in self._events],
            "prices": [prices.source, prices.date, prices.has_dates],
            "reading": self._job.options.plain(),
            "options": to_json(self._options()),
            "truth": self._truth,
            "chart_library": self._has_chart_library,
            "budgets": to_json(config.BUDGETS),
            "scenarios": scenario_pages(self._job.reports),
            "all_rows": self._job.all_rows,
        }
        return key_of(self._dataset.content_key, about)

    @contextmanager
    def keeping_tables(self) -> Iterator[None]:
        """Keep tables beside the data where the data is ours."""
        if isinstance(self._dataset, Dataset):
            with self._dataset.keeping_tables():
                yield
        else:
            yield

    def leave(self, before: KeptRun) -> Outcome:
        """Take over the reports that are there."""
        for number, report in enumerate(before.reports):
            self._results[report.id] = before.results[report.id]
            self._update(
                self._job.selected[number],
                seconds=report.seconds,
                size_bytes=report.size_bytes,
                headline=report.headline,
            )
            self.begin(number)
            self._job.finished(self._made[report.id])
        return self._outcome(self._job.reports / INDEX)

    def _outcome(self, index: Path) -> Outcome:
        in_order = {name: self._results[name] for name in self._made if name in self._results}
        months: Sequence[BudgetMonth] = ()
        if self._job.budgets:
            tables = tables_of(self._job.budgets)
            months = budget_months(self._dataset.rollups(tables), self._job.budgets)
        facts = partial(self._dataset.rollups, ())
        return Outcome(in_order, list(self._made.values()), index, facts, months)

    @property
    def is_worth_two(self) -> bool:
        """Whether two processes are faster, and their tables not too large.

        What is not a dataset of ours does not say; its tables are at hand.  Of long lists another
        process would report the first rows alone.
        """
        dataset = self._dataset
        few = self._context["customers"] <= config.LISTED_ROWS
        return few and dataset.processes > 1 and dataset.kept_bytes <= _KEPT_FOR_TWO_BYTES

    def scan(self) -> None:
        """Read the file once, for all analyses whose declarations can be filled."""
        declared = {
            one.id: self._guard(one, partial(_declared, one)) or () for one in self._job.selected
        }
        self._spent = _last_uses(declared)
        tables = dict.fromkeys(_all_declared()) if self._job.cache else {}
        tables.update(dict.fromkeys(EXPLORE_TABLES))
        tables.update(dict.fromkeys(table for some in declared.values() for table in some))
        of_the_whole = (*CONTEXT_TABLES, *tables_of(self._job.budgets))
        tables.update(dict.fromkeys(of_the_whole))
        self._dataset.fill(tables)
        self._events = self._known_events()
        self._truth = self._dataset.truth() or {}
        self._has_chart_library = self._chart_library()

    def prepare(self) -> None:
        """Work out what every page says of the dataset."""
        whole = self._dataset.rollups(CONTEXT_TABLES)
        self._context = context_of(whole, self._job.prices, self._job.options)
        self._context["events"] = [event._asdict() for event in self._events]
        self._context["chart_library"] = self._has_chart_library

    def _chart_library(self) -> bool:
        """Return whether Chart.js lies beside the pages: they ask for no file that is not there."""
        try:
            return copy_library(self._job.reports)
        except OSError:
            return False

    def _known_events(self) -> Sequence[Event]:
        """Return the events that charts mark: of the given file, or what the dataset knows."""
        given = self._job.events if self._job.redactor is None else None
        return self._dataset.events() if given is None else read_events(given)

    def begin(self, number: int) -> None:
        """Say which analysis begins."""
        self._job.step(self._job.selected[number].id, number + 1, self.count)

    def do(self, number: int) -> None:
        """Compute one result, write its page and say so."""
        analysis = self._job.selected[number]
        self._make(number, analysis)
        self._job.finished(self._made[analysis.id])

    def _make(self, number: int, analysis: Analysis) -> None:
        if self._made[analysis.id].reason:
            return
        computed = self._guard(analysis, partial(self._compute, analysis))
        self._forget_up_to(number)
        if computed is None:
            return
        result, text = computed
        self._results[analysis.id] = result
        self._update(analysis, headline=headline_of(result))
        self._guard(analysis, partial(self._write, analysis, text))
        if analysis.id != _NAMED_BY_EXPLORE:
            let_go(result)

    def _forget_up_to(self, number: int) -> None:
        """Let go of tables that no analysis after this one needs; some before it were not ours."""
        for analysis in self._job.selected[: number + 1]:
            self._dataset.forget(self._spent.pop(analysis.id, ()))

    def serialize(self, number: int) -> bytes:
        """Return an analysis' result and how its report went as JSON."""
        analysis = self._job.selected[number]
        made = dict(self._made[analysis.id]._asdict(), analysis=None)
        return json.dumps([made, self._results.get(analysis.id)]).encode("utf-8")

    def absorb(self, number: int, report: bytes) -> None:
        """Take over what another process reported of an analysis."""
        analysis = self._job.selected[number]
        made, result = json.loads(report.decode("utf-8"))
        self._made[analysis.id] = Made(**dict(made, analysis=analysis))
        if result is not None:
            self._results[analysis.id] = result

    def outcome(self) -> Outcome:
        """Write index and manifest, and return how everything went."""
        published = publish(
            self._job.reports, self._made, self._results, self._context, self._options()
        )
        self.other_files = [*published.files]
        self.other_files.append(self._write_explore(published.results))
        return self._outcome(published.page)

    def _write_explore(self, results: Mapping[str, Result]) -> FileDigest:
        """Write the Explore page, which names on every report lead to; return what was written.

        `results` are those of this run and of earlier ones of the same data.  Raises StorageError
        where that cannot be done.
        """
        from finops.generators.explore import names_all, write_explore

        page = self._job.reports / EXPLORE_FILE
        try:
            cubes = explore_cubes(self._dataset, all_named=names_all(results))
            with replacing(page) as (aside,):
                write_explore(cubes, results, self._context, aside)
                let_go(results.get(_NAMED_BY_EXPLORE))
                return FileDigest.of(aside, EXPLORE_FILE)
        except OSError as error:
            raise StorageError(
                f"cannot write {page}: {error.strerror}; the reports were written"
            ) from error

    def _options(self) -> RunOptions:
        """Return how this run was called, for the manifest."""
        prices = PricesEntry(self._job.prices.source, self._job.prices.date)
        only = tuple(self._job.only)
        name, workers = self._context.get("dataset"), self._job.workers
        if self._job.redactor is None:
            return RunOptions(name, prices, only, workers, self._job.choices)
        # Paths have the names of their owners.
        choices = self._job.choices._replace(data=(), prices=(), config="", events="")
        return RunOptions(name, prices, only, workers, choices, REDACTED)

    def _compute(self, analysis: Analysis) -> Tuple[Result, str]:
        """Return a result and its JSON text."""
        analyzer = analysis.analyzer(self._dataset)
        analyzer.most_rows = None if self._job.all_rows else config.LISTED_ROWS
        result = analyzer.analyze()
        return result, json_text(result)

    def _write(self, analysis: Analysis, text: str) -> None:
        """Write page and JSON of one report, both or neither, and note the page's size.

        The page is made of the result, the dataset's facts and what is known of the truth.
        """
        about = {"id": analysis.id, "title": analysis.title, "purpose": analysis.purpose}
        data = dict(self._results[analysis.id], _context=dict(self._context, report=about))
        kinds = EVALUATED.get(analysis.id)
        if kinds and self._truth:
            data["evaluation"] = self._evaluation(kinds)
        folder = self._job.reports
        with replacing(folder / analysis.filename, folder / f"{analysis.id}.json") as asides:
            page, beside = asides
            analysis.generator(data, str(page))
            write_aside(beside, text)
            digests = [FileDigest.of(path, "").digest for path in asides]
            size = page.stat().st_size
        self._update(analysis, size_bytes=size, digests=digests)

    def _evaluation(self, kinds: Sequence[str]) -> List[Dict[str, Any]]:
        from finops.evaluation import evaluate

        temporal = {"end_time": self._context["period_end"]}
        known = dict({"dataset_overview": {"temporal": temporal}}, **self._results)
        found: List[Dict[str, Any]] = evaluate(known, self._truth, kinds)["kinds"]
        return found

    def _guard(self, analysis: Analysis, work: Callable[[], _Found]) -> Optional[_Found]:
        """Return what the work returns; None where it fails, which is noted with its time."""
        begun = time.perf_counter()
        found = None
        try:
            found = work()
        except (FinOpsError, OSError) as error:
            self._update(analysis, reason=_sentence(error))
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            self._update(analysis, reason=reason, trace=traceback.format_exc())
        seconds = self._made[analysis.id].seconds + time.perf_counter() - begun
        self._update(analysis, seconds=seconds)
        return found

    def _update(self, analysis: Analysis, **changes: Any) -> None:
        self._made[analysis.id] = self._made[analysis.id]._replace(**changes)


def _opened(job: Job) -> CallDataset:
    dataset = open_dataset(
        job.source,
        workers=job.workers,
        prices=job.prices,
        progress=job.scanned,
        cache=job.cache and job.redactor is None,
        options=job.options,
        most_keys=job.most_keys,
    )
    return dataset if job.redactor is None else RedactedDataset(dataset, job.redactor)


def _kept_report(made: Made) -> KeptReport:
    page, result = made.digests
    return KeptReport(made.analysis.id, made.seconds, made.size_bytes, made.headline, page, result)


def _is_ours(analysis: Analysis) -> bool:
    """Return whether analyzer and generator are parts of this package.

    A generator is one unless an analysis has its own way to it; it is not imported for this.
    """
    own = type(analysis).generator is not Analysis.generator
    parts = (analysis.analyzer, *([analysis.generator] if own else []))
    return all(part.__module__.split(".")[0] == "finops" for part in parts)


def _all_declared() -> Iterator[Table]:
    """Yield the tables of all analyses and of the Explore page: what is kept of a file then
    serves any of them.
    """
    yield from EXPLORE_TABLES
    for analysis in registry.ANALYZER_REGISTRY.values():
        try:
            yield from _declared(analysis)
        except Exception:  # said where that analysis itself is run
            continue


def declared_tables(only: Sequence[str] = (), budgets: Sequence[config.Budget] = ()) -> List[Table]:
    """Return the tables that a run asks for, each once; `only` names analyses, none is all."""
    analyses = [one for one in registry.ANALYZER_REGISTRY.values() if not only or one.id in only]
    tables = [table for one in analyses for table in one.analyzer.TABLES]
    of_the_whole = (*CONTEXT_TABLES, *tables_of(budgets), *EXPLORE_TABLES)
    return list(dict.fromkeys([*of_the_whole, *tables]))


def _declared(analysis: Analysis) -> Sequence[Table]:
    """Return the tables of an analysis, checked one by one so that a wrong one costs only it."""
    tables = analysis.analyzer.TABLES
    for table in tables:
        table.check()
    return tables


def _last_uses(declared: Mapping[str, Sequence[Table]]) -> Dict[str, List[Table]]:
    """Return for each analysis, in the order of running, the tables that none after it needs.

    With many customers the tables of all analyses together take several times the memory of
    those of one.
    """
    last = {table: name for name, tables in declared.items() for table in tables}
    return {name: [t for t, user in last.items() if user == name] for name in declared}


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        # Only the file's name: the sentence is printed on pages that travel.
        name = target_name(Path(str(error.filename or "")).name)
        return f"{error.strerror or error}: {name}".rstrip(": ")
    return str(error)


def context_of(
    data: Rollups, prices: PriceTable, options: ReadingOptions = ReadingOptions()
) -> Dict[str, Any]:
    """Return what every page says of the dataset: name, period, size, accounting, prices,
    coverage, how it was read.  `data` holds `CONTEXT_TABLES`.
    """
    accounting = to_json(data.accounting)
    return {
        "dataset": data.file.name,
        "size_bytes": data.file.size_bytes,
        "period_start": data.period.start,
        "period_end": data.period.end,
        "first_hour": data.period.first_hour,
        "last_hour": data.period.last_hour,
        "partial_dates": list(covered_days(data).partial),
        "generated_at": utc_text(time.time()),
        "calls": data.totals.calls if request_count.is_known(data) else None,
        "cost": data.totals.cost,
        "tokens": data.totals.tokens,
        "customers": data.totals.customers,
        "unpriced_calls": data.totals.unpriced,
        "providers": len({provider for provider, _ in data[_MODELS]}),
        "models": len(data[_MODELS]),
        "coverage": coverage_of(data),
        "accounting": accounting,
        "prices": _facts_of(prices, data),
        "reading": options.plain(),
        "target_size_mb": config.TARGET_SIZE_MB,
        "reports": [
            {"id": one.id, "title": one.title, "domain": one.domain, "purpose": one.purpose}
            for one in registry.ANALYZER_REGISTRY.values()
        ],
    }


def _facts_of(prices: PriceTable, data: Rollups) -> Dict[str, Any]:
    """Return where prices are from, and which models were not priced since they have several."""
    conflicts = (
        {"provider": provider, "model": model, "keys": list(prices.conflict(provider, model))}
        for (provider, model), (unpriced,) in data[_MODELS].items()
        if unpriced
    )
    return {
        "source": prices.source,
        "date": prices.date,
        "dated": prices.has_dates,
        "conflicts": [one for one in conflicts if one["keys"]],
    }


def _prepare(folder: Path) -> None:
    """Make the folder and remove temporary files that an ended run left."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.tmp"):
            stale = time.time() - left.lstat().st_mtime > _STALE_TEMPORARY_S
            if stale and is_aside(left.name):
                left.unlink()
    except OSError as error:
        raise StorageError(
            f"cannot write reports to {folder}: {error.strerror}; give another --reports"
        ) from error
