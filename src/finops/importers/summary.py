"""What an import did, in sentences: one line of figures, and remarks where there is reason."""

from __future__ import annotations

from decimal import Decimal
from typing import List

from finops.importers import find_format
from finops.importers.run import Result

_MOST_MODELS = 5


def lines_of(result: Result, recompute: bool = False, dry_run: bool = False) -> List[str]:
    """Return the line of figures, then the remarks."""
    lines = [_figures(result, dry_run)]
    lines += _about_records(result)
    lines += _about_costs(result, recompute)
    lines += result.tally.notes
    lines += _about_sources(result)
    return lines


def _figures(result: Result, dry_run: bool) -> str:
    """Return format, files, calls, tokens, cost, duplicates, rejected and unpriced on a line."""
    tally, totals = result.tally, result.totals
    calls = _counted(totals.calls, "call")
    if totals.calls_unknown:
        calls = "no request count" if not totals.calls else f"at least {calls}"
    cost = f"${dollars(totals.cost)}"
    if totals.unpriced_models:
        cost = f"≥ {cost}" if totals.cost else "cost unknown"
    parts = [
        _counted(tally.files, "file"),
        f"{calls} ({_counted(totals.rows, 'row')}, {result.added:,} new)",
        _counted(totals.tokens, "token"),
        cost,
        _counted(tally.duplicates, "duplicate"),
        f"{tally.rejections:,} rejected",
        f"{totals.unpriced_calls:,} unpriced",
    ]
    where = "nothing written" if dry_run else str(result.out)
    return f"{' + '.join(result.formats)}: {', '.join(parts)} -> {where}"


def _about_records(result: Result) -> List[str]:
    tally = result.tally
    lines = []
    if tally.rejected:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.rejected.most_common())
        first = tally.first_rejection
        where = f"; first: {first.file} line {first.line}" if first else ""
        lines.append(f"rejected: {reasons}{where}")
    if tally.incomplete:
        lines.append(f"{_counted(tally.incomplete, 'incomplete record')} at the end of a file")
    if tally.skipped:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in tally.skipped.most_common())
        lines.append(f"no calls: {kinds}")
    lines += [
        f"{_counted(count, 'call')} flagged: {flag}" for flag, count in tally.flags.most_common()
    ]
    if tally.unchanged_files:
        lines.append(f"{_counted(tally.unchanged_files, 'file')} as before, not read again")
    if result.gone:
        lines.append(
            f"{_counted(result.gone, 'file')} read before {_are(result.gone)} gone;"
            " their calls are kept (--fresh starts anew)"
        )
    return lines


def _about_costs(result: Result, recompute: bool) -> List[str]:
    lines = []
    models = list(result.totals.unpriced_models)
    if models:
        more = f" and {len(models) - _MOST_MODELS} more" if len(models) > _MOST_MODELS else ""
        lines.append(
            f"no price for {', '.join(models[:_MOST_MODELS])}{more}: the cost is a lower bound;"
            " --prices FILE gives prices"
        )
    if recompute:
        comparison = result.comparison
        lines.append(
            f"recomputed: ${dollars(comparison.recorded)} recorded,"
            f" ${dollars(comparison.listed)} at list prices"
        )
        lines += [
            f"  {each.call_id}: ${dollars(each.recorded)} recorded, ${dollars(each.listed)} listed"
            for each in comparison.largest()
        ]
    return lines


def _about_sources(result: Result) -> List[str]:
    """Return what the sources cannot know, said at the first import."""
    if not result.is_first:
        return []
    lines = []
    for name in result.formats:
        format = find_format(name)
        lines += [f"{name}: {remark}" for remark in format.remarks] if format else []
    return lines


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def dollars(amount: Decimal) -> str:
    """Return an amount of USD with two decimals, or with as many as a small one needs.

    >>> dollars(Decimal("1234.5")), dollars(Decimal("0.0000003")), dollars(Decimal(0))
    ('1,234.50', '0.0000003', '0.00')
    """
    if amount and abs(amount) < 1:
        text = format(amount.quantize(Decimal("0.0000000001")), "f").rstrip("0")
        return text if len(text.partition(".")[2]) >= 2 else f"{amount:.2f}"
    return f"{amount:,.2f}"
