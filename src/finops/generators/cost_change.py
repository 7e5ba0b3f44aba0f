"""The section on why the cost changed, for the page of usage and cost."""

from __future__ import annotations

from typing import List, Optional, Sequence

from finops import config
from finops.generators import formatting
from finops.generators.components import Part, columns, section, stack, text
from finops.generators.tables import Column, table
from finops.results.understanding import (
    ChangedCustomer,
    ChangedCustomers,
    ChangedSubject,
    ChangeSubjects,
    CostChange,
)

_STATES = {"new": "no calls before", "gone": "no calls now", "stayed": ""}
_MEANINGS = (
    ("price", "Price", "The same tokens at other prices", "price_effect"),
    ("mix", "Mix", "Other models or token classes for the same work", "mix_effect"),
    ("volume", "Volume", "More or fewer tokens for the same work", "volume_effect"),
    (
        "new_or_gone",
        "New and ended work",
        "Features and tasks that began or ended",
        "new_subjects_effect",
    ),
)


def change_section(change: Optional[CostChange]) -> Part:
    """Return why the cost changed, in sentences and tables, or what data that needs."""
    title = "Why the cost changed"
    if change is None:
        days = 2 * min(config.CHANGE_WINDOWS_DAYS)
        return section(
            title,
            text(
                f"Not known yet: it needs {days} whole days on which the cost of every call is "
                "known."
            ),
        )
    return section(
        title,
        columns(
            stack(
                *(
                    text(_effect_sentence(change, name, label, words, getattr(change, key)))
                    for name, label, words, key in _MEANINGS
                ),
                text(_customers_sentence(change.customers)),
            ),
            _customers_table(change),
        ),
        lead=_lead(change),
    )


def _effect_sentence(change: CostChange, name: str, label: str, words: str, effect: float) -> str:
    return f"{label}: {signed(effect)}. {words}{_subjects(change.subjects, name)}."


def signed(usd: float) -> str:
    """Return a change in USD with its sign.

    >>> signed(1.5), signed(-1.5), signed(0.001)
    ('+$1.50', '-$1.50', '$0')
    """
    if abs(usd) <= config.CHANGE_LEAST_USD:
        return "$0"
    return f"{'+' if usd > 0 else ''}{formatting.money(usd)}"


def _lead(change: CostChange) -> str:
    before, now = change.previous_period_cost, change.cost_now
    difference = now - before
    against = f"the {change.days} days before, which cost {formatting.money(before)}"
    if abs(difference) <= config.CHANGE_LEAST_USD:
        against = f"as much as {against}"
    else:
        more = "more" if difference > 0 else "less"
        against = f"{formatting.money(abs(difference))} {more} than {against}"
    period = f"{formatting.day(change.start)} to {formatting.day(change.end)}"
    return (
        f"The last {change.days} whole days, {period}, cost "
        f"{formatting.money(now)}: {against}. The four parts below add up to the difference."
    )


def _subjects(subjects: ChangeSubjects, name: str) -> str:
    rows: Sequence[ChangedSubject] = getattr(subjects, name)
    if not rows:
        return ""
    return "; mainly " + _listed([f"{_named(row)} ({signed(row.effect)})" for row in rows])


def _named(row: ChangedSubject) -> str:
    """Return a subject in words: a model with its provider, or work by feature and task."""
    names = [
        formatting.name({"provider": "provider", "feature_id": "feature"}.get(key, "text"), value)
        for key, value in row.subject.items()
    ]
    return f"{names[1]} of {names[0]}" if "model" in row.subject else f"{names[0]} / {names[1]}"


def _listed(words: List[str]) -> str:
    """Return words in one list.

    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _customers_sentence(customers: ChangedCustomers) -> str:
    new, gone = (
        formatting.counted(count, "customer")
        for count in (customers.new_count, customers.gone_count)
    )
    return (
        f"The same difference by customer: {new} without calls before "
        f"{signed(customers.new_effect)}, {gone} without calls now "
        f"{signed(customers.gone_effect)}, all others {signed(customers.stayed_effect)}."
    )


def _customers_table(change: CostChange) -> Part:
    rows = change.customers.largest
    state = Column[ChangedCustomer](lambda row: _STATES.get(row.state, row.state), "State")
    return table(
        "changed-customers",
        f"The {config.CHANGE_CUSTOMERS} customers whose cost changed most",
        [
            Column[ChangedCustomer](lambda row: row.customer_id, "Customer"),
            *([state] if any(_STATES.get(row.state, row.state) for row in rows) else []),
            Column[ChangedCustomer](lambda row: row.previous_cost, "Cost before", "money"),
            Column[ChangedCustomer](lambda row: row.cost_now, "Cost now", "money"),
            Column[ChangedCustomer](lambda row: row.change, "Change", "money"),
        ],
        rows,
        empty="No customer made a call in these days.",
    )
