"""`--bill`: what vendors billed against what the calls say, as a table and as a result."""

from __future__ import annotations

import argparse
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Dict, List

from finops.commands.base import Console
from finops.commands.reading import STANDARD_INPUT, Reading
from finops.errors import UsageError
from finops.reader.options import UTC
from finops.summary.display import visible, wrapped
from finops.summary.layout import Column, lay_out

if TYPE_CHECKING:
    from finops.bill_comparison import Comparison, Line

RESULT = "bill"
_TOTAL = "total"
_BOLD = "1"


def compared(args: argparse.Namespace, reading: Reading, console: Console) -> Comparison:
    """Return the comparison of the bills with the calls, by days of UTC as vendors bill them.

    Raises UsageError for calls that can be read once only, DataError for what is no bill.
    """
    from finops.bill_comparison import compare
    from finops.importers.charges import read_bill
    from finops.rollups.dataset import open_dataset

    if STANDARD_INPUT in reading.choices.data:
        raise UsageError("--bill reads the calls once more: give a file to --data, not -")
    rates = {currency: Decimal(rate) for currency, rate in reading.options.rates}
    bill = read_bill(args.bill, rates, args.effective)
    for note in bill.notes:
        console.remark(note)
    options = reading.options._replace(timezone=UTC)
    dataset = open_dataset(reading.source, args.workers, reading.prices, options=options)
    return compare(bill.charges, dataset)


def as_result(comparison: Comparison) -> Dict[str, Dict[str, Any]]:
    """Return the comparison as JSON has it, under its name."""
    return {
        RESULT: {
            "billed_usd": float(comparison.billed),
            "recorded_usd": float(comparison.recorded),
            "difference_usd": float(comparison.difference),
            "tax_usd": float(comparison.tax),
            "hours_ahead_of_utc": dict(comparison.zones),
            "reasons": _reasons(comparison.reasons()),
            "lines": [
                {
                    "period": line.period,
                    "provider": line.provider,
                    "model": line.model,
                    "billed_usd": float(line.billed),
                    "tax_usd": float(line.tax),
                    "recorded_usd": float(line.recorded),
                    "difference_usd": float(line.difference),
                    "reasons": _reasons(line.reasons),
                }
                for line in comparison.lines
            ],
        }
    }


def _reasons(reasons: Any) -> List[Dict[str, Any]]:
    return [{"reason": reason.kind, "usd": float(reason.amount)} for reason in reasons]


def table_of(comparison: Comparison, console: Console) -> List[str]:
    """Return the comparison in lines that fit the terminal."""
    lines = comparison.lines
    billed, recorded = comparison.billed, comparison.recorded
    decimals = _decimals(max(billed, recorded))
    columns = [
        _names("period", [line.period for line in lines], _TOTAL),
        _names("provider", [line.provider for line in lines]),
        _names("model", [line.model for line in lines]),
        _amounts("billed USD", [*(line.billed for line in lines), billed], decimals),
        *_taxes(comparison, decimals),
        _amounts("calls USD", [*(line.recorded for line in lines), recorded], decimals),
        _amounts(
            "difference", [*(line.difference for line in lines), comparison.difference], decimals
        ),
        _names("because of", [_because(line) for line in lines]),
    ]
    layout = lay_out(columns, console.width)
    heading, *rows, total = layout.lines
    table = [console.paint(heading, _BOLD), *rows, console.paint(total, _BOLD)]
    for sentence in _sentences(comparison):
        table += wrapped(sentence, console.width)
    return [line.rstrip() for line in table]


def _taxes(comparison: Comparison, decimals: int) -> List[Column]:
    """Return the column of taxes, where there are any."""
    if not comparison.tax:
        return []
    return [
        _amounts("tax USD", [*(line.tax for line in comparison.lines), comparison.tax], decimals)
    ]


def _names(heading: str, cells: List[str], total: str = "") -> Column:
    return Column(heading, (*map(visible, cells), total), is_name=True)


def _amounts(heading: str, amounts: List[Decimal], decimals: int) -> Column:
    return Column(heading, tuple(_usd(amount, decimals) for amount in amounts))


def _usd(amount: Decimal, decimals: int = 2) -> str:
    text = f"{amount:,.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text


def _because(line: Line) -> str:
    return ", ".join(reason.kind for reason in line.reasons)


def _sentences(comparison: Comparison) -> List[str]:
    """Return what the differences are made of, and whose days are of which time zone."""
    sentences = [
        f"{_usd(reason.amount, _decimals(reason.amount))} USD: {reason.kind}"
        for reason in comparison.reasons()
    ]
    zones = comparison.zones.items()
    return sentences + [f"{name} bills days of UTC{hours:+03d}:00" for name, hours in zones]


def _decimals(amount: Decimal) -> int:
    return 6 if abs(amount) < 1 else 2
