"""Dataset overview: what the data holds, over which period, and how much of it was usable.

`file.analyzed_at` is the time of the run, the one value in all results that is not of the data.
"""

from __future__ import annotations

import math
from typing import ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.coverage import count_named, coverage_of
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.known_costs import known_cost, known_total
from finops.analyzers.shared.wording import caveats, counted, per_month, percent, usd
from finops.results.base import Finding
from finops.results.dataset_overview import (
    BlankedValues,
    Coverage,
    Credits,
    DatasetOverviewResult,
    Distributions,
    FailedCalls,
    Lines,
    OverviewDay,
    OverviewSummary,
    Prices,
    Quality,
    SkippedRows,
    SourceFile,
    Temporal,
    UnpricedModel,
    UnpricedUse,
    ValueShare,
)
from finops.rollups.expressions import one_of
from finops.rollups.spec import Period, Rollups, Table, first_line
from finops.schema import STATUS_ERROR, STATUS_SUCCESS
from finops.stats import improbable
from finops.stats import percent as share_of

DISTRIBUTED: Tuple[str, ...] = Distributions._fields
# Columns with a default: "unknown" there is no organization, product or feature.
COUNTED: Tuple[str, ...] = ("organization_id", "product_id", "feature_id")

MODEL_TABLE = Table(("provider", "model"), ("calls", "cost", "unpriced"))
UNPRICED_TABLE = Table(
    ("provider", "model"), ("unpriced", "tokens"), one_of("cost_kind", "unpriced")
)
CREDITS = Table((), ("credit_rows", "credits"))
STATUS_TABLE = Table(("status", "error_type"), ("calls", "cost", "unpriced"))
ERROR_DAYS = Table(("day", "error_type"), ("cost",), one_of("status", STATUS_ERROR))
DAILY_TABLE = Table(("day",), ("calls", "cost", "tokens", "errors", "status_known", "unpriced"))


def column_table(column: str) -> Table:
    """Return the table of calls and cost by one column."""
    return Table((column,), ("calls", "cost", "unpriced"))


class DatasetOverviewAnalyzer(Analyzer):
    """Counts, period, data quality and the distribution of calls over the main columns.

    Records are the calls used; rows left out are in `file.skipped_records` and, by reason,
    in `quality.skipped`.  `quality.lines` accounts for every physical line.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        MODEL_TABLE,
        UNPRICED_TABLE,
        CREDITS,
        STATUS_TABLE,
        DAILY_TABLE,
        *BASIS_TABLES,
        ERROR_DAYS,
        *(column_table(column) for column in DISTRIBUTED + COUNTED),
    )

    def result(self, data: Rollups) -> DatasetOverviewResult:
        """Return the result; skipped reasons most rows first, distributions most calls first."""
        span = covered_days(data)
        quality = _quality(data)
        failures = _failures(data, span)
        unpriced = _unpriced_models(data)
        return DatasetOverviewResult(
            summary=_summary(data, span),
            basis=basis_of(data, span, self.NEEDS),
            file=_file(data),
            temporal=_temporal(data.period),
            quality=quality,
            coverage=Coverage(**coverage_of(data)),
            prices=_prices(data),
            distributions=Distributions(*(_distribution(data, column) for column in DISTRIBUTED)),
            daily=_daily(data),
            failures=failures,
            unpriced_models=unpriced,
            findings=by_impact(_findings(data, quality, failures) + caveats(span, data.totals)),
            recommendations=_recommendations(quality, failures, unpriced),
        )


def _named(data: Rollups, column: str) -> Optional[int]:
    """Return how many values other than "unknown" a column has, None where it has no other."""
    values = sum(value != config.UNKNOWN for (value,) in data[column_table(column)])
    return count_named(data, values)


def _summary(data: Rollups, span: CoveredDays) -> OverviewSummary:
    return OverviewSummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        total_tokens=data.totals.tokens,
        unique_customers=count_named(data, data.totals.customers),
        unique_organizations=_named(data, "organization_id"),
        unique_products=_named(data, "product_id"),
        unique_features=_named(data, "feature_id"),
        unique_providers=len(data[column_table("provider")]),
        unique_models=len(data[column_table("model")]),
        unpriced_calls=data.totals.unpriced,
        monthly_cost=span.monthly(known_total(data)),
    )


def _file(data: Rollups) -> SourceFile:
    size = data.file.size_bytes
    return SourceFile(
        name=data.file.name,
        size_bytes=size,
        size_mb=None if size is None else size / config.MEGABYTE,
        total_records=data.totals.calls,
        skipped_records=data.accounting.skipped_rows,
        analyzed_at=data.context.now_text,
        price_source=data.prices.source,
        price_date=data.prices.date,
    )


def _temporal(period: Period) -> Temporal:
    return Temporal(
        start_time=period.start,
        end_time=period.end,
        duration_hours=period.seconds / 3600,
        duration_description=duration_description(period.seconds),
    )


def duration_description(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    >>> duration_description(90), duration_description(7200), duration_description(129600)
    ('1.5 minutes', '2.0 hours', '1.5 days')
    """
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    if seconds < 86400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 86400:.1f} days"


def _quality(data: Rollups) -> Quality:
    total, errors = data.totals.calls, data.totals.errors
    statuses: Dict[str, int] = {}
    kinds: Dict[str, int] = {}
    for (status, kind), (calls, _, _) in data[STATUS_TABLE].items():
        statuses[status] = statuses.get(status, 0) + calls
        if status == STATUS_ERROR:
            name = kind or config.UNKNOWN
            kinds[name] = kinds.get(name, 0) + calls
    successes = statuses.get(STATUS_SUCCESS, 0)  # an unknown status is none
    return Quality(
        total_records=total,
        success_count=successes,
        error_count=errors,
        success_rate_percent=share_of(successes, successes + errors)
        if successes + errors or not total
        else None,
        status_distribution=_most_first(statuses),
        unknown_status_count=total - successes - errors,
        error_types=_most_first(kinds),
        skipped=_skipped(data),
        blanked=_blanked(data),
        repeated_records=data.accounting.repeated_records,
        conflicting_ids=data.accounting.conflicting_ids,
        implausible_times=data.accounting.implausible_times,
        credits=Credits(*data[CREDITS].get((), (0, 0.0))),
        unused_cost=data.accounting.unused_cost,
        lines=_lines(data),
        notes=list(data.accounting.notes),
    )


def _daily(data: Rollups) -> List[OverviewDay]:
    """Return every active day; an unknown status is no success."""
    return [
        OverviewDay(day, calls, known_cost(cost, unpriced), tokens, errors, known - errors)
        for (day,), (calls, cost, tokens, errors, known, unpriced) in data[DAILY_TABLE].items()
    ]


def _most_first(counts: Mapping[str, int]) -> Dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _skipped(data: Rollups) -> List[SkippedRows]:
    rows = (
        SkippedRows(reason=s.reason, count_=s.rows, first_line=s.first_line, cost=s.cost)
        for s in data.accounting.skipped
    )
    return sorted(rows, key=lambda r: (-r.count_, r.reason))


def _blanked(data: Rollups) -> List[BlankedValues]:
    """Return the values that count as missing, by column and reason in the order of the columns."""
    return [
        BlankedValues(
            column=b.column, reason=b.reason, count_=b.values, first_line=first_line(b.places)
        )
        for b in data.accounting.blanked
    ]


def _prices(data: Rollups) -> Prices:
    rows = (
        UnpricedUse(provider=provider, model=model, call_count=calls, tokens=tokens)
        for (provider, model), (calls, tokens) in data[UNPRICED_TABLE].items()
    )
    return Prices(
        source=data.prices.source,
        date=data.prices.date,
        unpriced=sorted(rows, key=lambda r: (-r.call_count, r.provider, r.model)),
    )


def _lines(data: Rollups) -> Lines:
    """Return where every physical line went; all but the first add up to the first."""
    accounting = data.accounting
    return Lines(
        physical=accounting.lines,
        header=accounting.header,
        used=accounting.used,
        skipped=accounting.skipped_rows,
        repeated_headers=accounting.repeated_headers,
        blank=accounting.blank,
        incomplete_tail=accounting.incomplete_tail,
        repeated_records=accounting.repeated_records,
        outside=accounting.outside,
        comments=accounting.comments,
        continuation=accounting.continuation,
    )


def _distribution(data: Rollups, column: str) -> List[ValueShare]:
    rows = (
        ValueShare(
            value=value,
            call_count=calls,
            share_percent=share_of(calls, data.totals.calls) if data.totals.calls else None,
            total_cost=known_cost(cost, unpriced),
            unpriced_calls=unpriced,
        )
        for (value,), (calls, cost, unpriced) in data[column_table(column)].items()
    )
    return sorted(rows, key=lambda r: (-r.call_count, r.value))


def _failures(data: Rollups, span: CoveredDays) -> List[FailedCalls]:
    """Return calls and cost of failed calls by kind of error, most expensive first."""
    days: Dict[str, Dict[str, float]] = {}
    for (day, kind), (cost,) in data[ERROR_DAYS].items():
        days.setdefault(kind, {})[day] = cost
    rows = (
        FailedCalls(
            error_type=kind or config.UNKNOWN,
            call_count=calls,
            cost=known_cost(cost, unpriced),
            monthly_cost=None
            if known_cost(cost, unpriced) is None
            else span.monthly_now(days.get(kind, {})),
        )
        for (status, kind), (calls, cost, unpriced) in data[STATUS_TABLE].items()
        if status == STATUS_ERROR
    )
    return sorted(rows, key=lambda r: (-(r.cost or 0.0), r.error_type))


def _unpriced_models(data: Rollups) -> List[UnpricedModel]:
    rows = (
        UnpricedModel(provider=provider, model=model, unpriced_calls=unpriced)
        for (provider, model), (_, _, unpriced) in data[MODEL_TABLE].items()
        if unpriced
    )
    return sorted(rows, key=lambda r: (-r.unpriced_calls, r.provider, r.model))


def _findings(data: Rollups, quality: Quality, failures: Sequence[FailedCalls]) -> List[Finding]:
    findings = []
    skipped = data.accounting.skipped_rows
    if skipped:
        findings.append(
            finding(
                "warning",
                f"{counted(skipped, 'row')} could not be used",
                f"{percent(share_of(skipped, skipped + data.totals.calls))} of the records break "
                f"a rule, most often: {quality.skipped[0].reason}."
                + (
                    f" They name a cost of {usd(quality.unused_cost)}."
                    if quality.unused_cost
                    else ""
                ),
                kind="quality",
            )
        )
    elif data.totals.calls:
        findings.append(
            finding(
                "success",
                "Every record could be used",
                f"{counted(data.totals.calls, 'call')} read, none left out.",
                kind="quality",
            )
        )
    return findings + _error_findings(quality, failures)


def _error_findings(quality: Quality, failures: Sequence[FailedCalls]) -> List[Finding]:
    findings = []
    with_status = quality.success_count + quality.error_count
    rate = share_of(quality.success_count, with_status)
    severity = "critical" if quality.error_count > quality.success_count else "warning"
    usual = with_status * (1 - config.MIN_SUCCESS_RATE_PCT / 100)
    if not improbable(quality.error_count, usual, config.FEW_FAILURES_CHANCE):
        severity = "info"  # so many of a few calls may fail by chance
    if with_status and rate < config.MIN_SUCCESS_RATE_PCT:
        findings.append(
            finding(
                severity,
                f"Only {percent(rate)} of the calls succeeded" if rate else "No call succeeded",
                f"{counted(quality.error_count, 'call')} failed; the usual is at least "
                f"{config.MIN_SUCCESS_RATE_PCT}%.",
                kind="quality",
                effort="medium",
            )
        )
    cost = math.fsum(row.cost or 0.0 for row in failures)
    rates = [row.monthly_cost for row in failures if row.cost is not None]
    known = [rate for rate in rates if rate is not None]
    wasted = math.fsum(known) if len(known) == len(rates) else None
    if cost > 0 and wasted != 0:
        findings.append(
            finding(
                severity,
                f"Failed calls cost {per_month(wasted, cost)}",
                f"{counted(quality.error_count, 'failed call')}{_most_expensive(failures)}.",
                wasted,
                kind="quality",
                effort="medium",
            )
        )
    return findings


def _most_expensive(failures: Sequence[FailedCalls]) -> str:
    """Return which kind of failure costs most for the end of a sentence, as far as it is known."""
    if failures[0].error_type == config.UNKNOWN:
        return "; for those that cost most the source gives no error type"
    return f", of which {failures[0].error_type} is the most expensive" if failures[1:] else ""


def _reduce(row: FailedCalls) -> str:
    calls = counted(row.call_count, "failed call")
    worth = f"{per_month(row.monthly_cost, row.cost or 0.0)} is spent on {calls}"
    if row.error_type == config.UNKNOWN:
        return f"Record why calls fail (error_type): {worth} without one."
    return f"Reduce {row.error_type} failures: {worth}."


def _recommendations(
    quality: Quality, failures: Sequence[FailedCalls], unpriced: Sequence[UnpricedModel]
) -> List[str]:
    advice = [
        _reduce(row)
        for row in failures[: config.RECOMMENDED_SUBJECTS]
        if row.cost and row.cost > 0 and row.monthly_cost != 0
    ]
    advice += [
        f"Fix the source of {counted(row.count_, 'skipped row')} ({row.reason})"
        + ("." if row.first_line is None else f", first at line {row.first_line}.")
        for row in quality.skipped[: config.RECOMMENDED_SUBJECTS]
    ]
    if unpriced:
        names = ", ".join(row.model for row in unpriced[: config.RECOMMENDED_SUBJECTS])
        advice.append(
            f"Add prices for {counted(len(unpriced), 'model')} with a price file, beginning with "
            f"{names}: {'its' if len(unpriced) == 1 else 'their'} calls are missing from "
            "every cost until then."
        )
    return advice
