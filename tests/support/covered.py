"""Covered days worked out a second time, hour by hour and straight from the rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

Rows = Iterable[Mapping[str, str]]


def covered_shares(times: Iterable[datetime]) -> Dict[date, Fraction]:
    """Return the covered share of every date from the first to the last time."""
    moments = sorted(times)
    if not moments:
        return {}
    first, last = moments[0], moments[-1]
    dates = [first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1)]
    between = set(dates[1:-1])
    weights = [sum(m.hour == hour and m.date() in between for m in moments) for hour in range(24)]
    if len(between) < 2 or not sum(weights):
        weights = [1] * 24
    shares = {}
    for day in dates:
        covered = [
            weight
            for hour, weight in enumerate(weights)
            if (day != first.date() or hour >= first.hour)
            and (day != last.date() or hour <= last.hour)
        ]
        shares[day] = Fraction(sum(covered), sum(weights))
    return shares


def times_of(rows: Rows) -> List[datetime]:
    """Return the times of rows."""
    return [datetime.fromisoformat(row["timestamp"]) for row in rows]


def own_days(rows: Rows, customer: str) -> Tuple[Fraction, bool]:
    """Return the days of a customer, and whether it is gone."""
    everything = list(rows)
    shares = covered_shares(times_of(everything))
    own = times_of(row for row in everything if row["customer_id"] == customer)
    dates = list(shares)
    gone = dates[-1] - max(own).date() >= timedelta(days=30)
    begin = dates[0] if min(own).date() < dates[0] + timedelta(days=7) else min(own).date()
    end = max(own).date() if gone else dates[-1]
    return sum((shares[day] for day in dates if begin <= day <= end), Fraction(0)), gone


def a_month(amount: Fraction, days: Fraction) -> Optional[Fraction]:
    """Return an amount of so many days as one of thirty, None under seven."""
    return amount * 30 / days if days >= 7 else None
