"""What a vendor billed: the charges of bills, which are compared with calls and never added.

A charge is a sum of money for a period; some bills say which model it is for, some do not.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from finops.errors import DataError
from finops.importers.base import Charge, Format, ImportOptions, Session
from finops.importers.detection import detect
from finops.importers.discovery import files_below
from finops.importers.sources import Source
from finops.importers.tally import Tally

USD = "USD"


class Bill(NamedTuple):
    """The charges of some files in USD, each once, and sentences about what was left out."""

    charges: Tuple[Charge, ...]
    notes: Tuple[str, ...]


def read_bill(
    paths: Sequence[str], rates: Mapping[str, Decimal] = {}, effective: bool = False
) -> Bill:
    """Return the charges of bills: files, or folders of them.

    `rates`: what one unit of a currency costs in USD.  `effective`: take the effective cost of
    FOCUS rather than the billed one.

    Raises DataError where a file is no bill, or is in a currency without a rate.
    """
    tally = Tally()
    options = ImportOptions(effective=effective)
    sources = [Source(file, file) for path in paths for file in _files(path)]
    charges: Dict[str, Charge] = {}
    for format, of_format in _by_format(sources).items():
        session = Session(of_format, tally, options, _Counter().nth_of)
        for source in of_format:
            read = {charge.id: charge for charge in _charges(format, source, session)}
            if not read:
                raise DataError(f"{source.label} has no charges: --bill takes cost reports")
            charges.update(read)
    return Bill(tuple(_in_usd(charge, rates) for charge in charges.values()), tuple(_notes(tally)))


def _files(path: str) -> List[str]:
    files = list(files_below(path))
    if not files:
        raise DataError(f"no such file: {path}; give a cost report to --bill")
    return files


def _by_format(sources: Iterable[Source]) -> Dict[Format, List[Source]]:
    by_format: Dict[Format, List[Source]] = {}
    for source in sources:
        by_format.setdefault(detect(source), []).append(source)
    return by_format


class _Counter:
    """Counts how often the same was asked."""

    def __init__(self) -> None:
        self._counts: Dict[str, int] = {}

    def nth_of(self, text: str) -> int:
        """Return how often this was asked with the same text, this time included."""
        self._counts[text] = self._counts.get(text, 0) + 1
        return self._counts[text]


def _charges(format: Format, source: Source, session: Session) -> List[Charge]:
    try:
        return list(format.charges(source, session))
    except OSError as error:
        raise DataError(f"cannot read {source.label}: {error.strerror or error}") from None


def _in_usd(charge: Charge, rates: Mapping[str, Decimal]) -> Charge:
    currency = charge.currency.upper() or USD
    if currency == USD:
        return charge
    if currency not in rates:
        raise DataError(f"the bill is in {currency}; give its price with --rate {currency}=RATE")
    return charge._replace(amount=charge.amount * rates[currency], currency=USD)


def _notes(tally: Tally) -> List[str]:
    notes = list(tally.notes)
    first = tally.first_rejection
    if first is not None:
        notes.append(
            f"{tally.rejections:,} charges cannot be read; first: {first.file} line {first.line}:"
            f" {first.reason}"
        )
    return notes
