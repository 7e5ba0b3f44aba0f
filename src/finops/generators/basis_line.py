"""What a report rests on, in one line under its title; or why it says nothing."""

from __future__ import annotations

import math
from typing import List, Mapping, Optional, Sequence

from finops import config
from finops.generators import formatting
from finops.generators.components import Part, section, text
from finops.results.base import Basis

# Days are shown to a tenth.
_LEAST_SHOWN = 0.1


def basis_line(basis: Basis) -> str:
    """Return a sentence on days and known values, and on how much more data is needed."""
    if basis.covered_days is None:
        return ""
    facts = [
        _days(basis.covered_days),
        *_shares(
            {
                "priced": basis.priced_share_percent,
                "with a latency": basis.latency_share_percent,
                "with a customer": basis.customer_share_percent,
            }
        ),
        "subscription prices known" if basis.revenue_known else "no subscription prices known",
    ]
    return f"Based on {', '.join(facts)}.{_more_needed(basis)}"


def _days(days: float) -> str:
    if 0 < days < _LEAST_SHOWN:
        return f"less than {_LEAST_SHOWN} covered days"
    number = formatting.decimal(round(days, 1))
    return f"{number} covered day" if number == "1" else f"{number} covered days"


def _shares(shares: Mapping[str, Optional[float]]) -> List[str]:
    """Return the shares of calls of which something is known, without those not measured."""
    return [f"{_calls(share)} {words}" for words, share in shares.items() if share is not None]


def _calls(share: float) -> str:
    if share in (0, 100):
        return "all calls" if share else "no calls"
    return f"{formatting.percent(share)} of calls"


def _more_needed(basis: Basis) -> str:
    """Return what cannot be said yet and how many more days it takes, "" where there is none."""
    least, trend = config.SHORT_PERIOD_DAYS, 2 * config.TREND_RECENT_DAYS
    if basis.covered_days < least:
        more = formatting.plain(math.ceil((least - basis.covered_days) * 10) / 10)
        return f" Figures per month need {least} covered days: {more} more."
    if not basis.whole_days:
        return " What single days cost is not known, so there are no trends."
    if basis.whole_days < trend:
        more = formatting.count(trend - basis.whole_days)
        return f" Trends need {trend} whole days: {more} more."
    return ""


def missing_words(missing: Sequence[str]) -> str:
    """Return which columns a report needs that the source has not.

    >>> missing_words(["region", "latency_ms"])
    'needs region and latency_ms, which this source does not have'
    """
    return f"needs {' and '.join(missing)}, which this source does not have"


def unanswered(missing: Sequence[str]) -> Part:
    """Return the section of a report whose columns are missing: what it needs, and what to do."""
    names = " and ".join(missing)
    return section(
        "Not enough data for this report",
        text(f"This report needs {names}; this source has none."),
        text(
            f"Record {names} with each call, or name the column that holds it with --map when "
            "you analyze the data."
        ),
    )
