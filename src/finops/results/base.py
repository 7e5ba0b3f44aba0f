"""What all results share: units, findings, sums by day, and the way to a dict and back.

A section of a result is a NamedTuple whose fields are the keys of the JSON, in their order.
Analyzers build them, generators read them, and `docs/results.md` is made from them, so that a
renamed key fails the type check wherever it is used.  The price is one conversion at each end:

- `to_dict` gives the dict that is written as JSON.  A field with a default is an optional key: it
  is left out while it holds the default.
- `from_dict` reads such a dict back, also one that is incomplete: a missing value is None, a
  missing list or mapping is empty.  So the type of a value says what a complete result holds; who
  reads a dict from elsewhere passes values on as they are, or guards against None.

A trailing underscore is no part of a key (`count_` is "count"): a tuple has a method of that name.
"""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
    get_type_hints,
)

from finops.results.long_lists import LongList, is_cut, listed, rest_of

# Units.  The name stands in the annotation of a field, from which the documentation takes it.
Count = int
Tokens = int
Bytes = int
Usd = float
UsdPerMonth = float
UsdPer1kTokens = float
UsdPer1mTokens = float
UsdPer1kCalls = float
Percent = float
Share = float
Number = float
Milliseconds = float
Minutes = float
Hours = float
Date = str
Hour = str
Week = str
Month = str
Timestamp = str

ResultDict = Dict[str, Any]
_T = TypeVar("_T", bound=Tuple[Any, ...])


class Finding(NamedTuple):
    """Something that the data shows and somebody should know."""

    severity: str
    """critical, warning, info or success"""
    kind: str
    """saving, loss, revenue_at_risk, revenue_lost, exposure, quality or information"""
    title: str
    detail: str
    impact_usd_per_month: Optional[UsdPerMonth]
    """what it is about in money; null where that is not known, or where it is not about money"""
    confidence: str
    """high, medium or low: how sure the impact is"""
    effort: str
    """low, medium or high: what acting on it takes"""
    subject: Mapping[str, str]
    """what it is about: {dimension: value}; empty where it is about all of the data"""
    overlaps: Optional[str]
    """the same for findings, of any report, about the same calls: of these only one counts"""


class Basis(NamedTuple):
    """What the figures of a result rest on."""

    covered_days: Number
    """days that the data covers, partial first and last days as their part of one"""
    whole_days: Count
    """dates that the data covers from the first to the last hour"""
    priced_share_percent: Optional[Percent]
    """calls with a known cost, of all; null without calls"""
    latency_share_percent: Optional[Percent]
    """calls with a latency, of all; null without calls"""
    customer_share_percent: Optional[Percent]
    """calls with a customer, of all; null without calls"""
    revenue_known: bool
    """whether the subscription price of any customer is known"""
    missing: Sequence[str]
    """columns that this report needs and no call has; with any of them it is not given"""


class DailySums(NamedTuple):
    """Sums by key and calendar day, from which a page recomputes its figures for chosen dates."""

    days: Sequence[Date]
    by: Sequence[str]
    keys: Sequence[Sequence[str]]
    """values of the dimensions, ascending"""
    sums: Mapping[str, Sequence[Sequence[float]]]
    """for each measure one row of daily sums for each key"""


class DailyCost(NamedTuple):
    """Calls and cost of one active day."""

    date: Date
    call_count: Count
    total_cost: Optional[Usd]
    partial: bool = False
    """whether the data covers only a part of the day; the key is there where it does"""
    unpriced_calls: Count = 0


class UnpricedCustomer(NamedTuple):
    """A customer whose subscription price is not known."""

    customer_id: str
    subscription_tier: str
    customer_archetype: str
    monthly_cost: Optional[UsdPerMonth]
    call_count: Count
    unpriced_calls: Count = 0


class CustomerAdvice(NamedTuple):
    """What is advised for one customer, the same in every report."""

    customer_id: str
    reason: str
    """the gravest: suspected_abuse, losing_money, at_risk, outgrown or gone"""
    advice: str
    """the sentence of the recommendation"""
    monthly_worth: Optional[UsdPerMonth]
    """what it is about: exposure, loss, revenue at risk or lost, or what a tier would add"""


def to_dict(
    section: Union[Tuple[Any, ...], ResultDict], most_rows: Optional[int] = None
) -> ResultDict:
    """Return a section, or a whole result, as the dict that becomes JSON; a dict as it is.

    Lists of more than `most_rows` rows, where that is given, become a `LongList`.
    """
    if isinstance(section, dict):
        return section
    return _shape(type(section)).to_dict(section, most_rows)


def from_dict(kind: Type[_T], data: Optional[Mapping[str, Any]]) -> _T:
    """Return the dict of a section as its type, whatever it lacks; keys of no field are ignored."""
    section: _T = _shape(kind).from_dict(data or {})
    return section


class _Shape:
    """How the fields of one NamedTuple become values of a dict, worked out once from its types."""

    def __init__(self, kind: Any) -> None:
        hints = get_type_hints(kind)
        self._kind = kind
        self._fields: Tuple[str, ...] = kind._fields
        self.keys = tuple(name.rstrip("_") for name in self._fields)
        self._defaults: Mapping[str, Any] = kind._field_defaults
        self._default_at = [(self._fields.index(n), d) for n, d in self._defaults.items()]
        self._out: List[Tuple[int, _Writer]] = []
        self._into: List[Tuple[int, _Reader]] = []
        for place, name in enumerate(self._fields):
            out, into = _converters(hints[name])
            if out:
                self._out.append((place, out))
            if into:
                self._into.append((place, into))

    def to_dict(self, section: Tuple[Any, ...], most_rows: Optional[int]) -> ResultDict:
        values: Sequence[Any] = section
        if self._out:
            values = list(section)
            for place, convert in self._out:
                values[place] = convert(section[place], most_rows)
        made = dict(zip(self.keys, values))
        for name, default in self._defaults.items():
            if made[name.rstrip("_")] == default:
                del made[name.rstrip("_")]
        return made

    def from_dict(self, data: Mapping[str, Any]) -> Any:
        values = list(map(data.get, self.keys))
        for place, convert in self._into:
            values[place] = convert(values[place])
        for place, default in self._default_at:
            if values[place] is None:
                values[place] = default
        return self._kind._make(values)


_Writer = Callable[[Any, Optional[int]], Any]  # of a value, and of how many rows lists may have
_Reader = Callable[[Any], Any]
_SHAPES: Dict[Type[Any], _Shape] = {}


def _shape(kind: Type[Any]) -> _Shape:
    shape = _SHAPES.get(kind)
    if shape is None:
        shape = _SHAPES[kind] = _Shape(kind)
    return shape


def _converters(hint: Any) -> Tuple[Optional[_Writer], Optional[_Reader]]:
    """Return how a value of a type is written and read; None where it stays as it is."""
    origin: Any = getattr(hint, "__origin__", None)
    arguments: Sequence[Any] = getattr(hint, "__args__", ())
    if origin is Union:
        return _optional(next(inner for inner in arguments if inner is not type(None)))
    if hasattr(hint, "_fields"):
        return to_dict, lambda value: from_dict(hint, value)
    if not isinstance(origin, type):
        return None, None
    inner: Any = arguments[-1]
    section = hasattr(inner, "_fields")
    if issubclass(origin, Mapping):
        if not section:
            return None, lambda value: value or {}
        return (
            lambda value, most: {key: to_dict(row, most) for key, row in value.items()},
            lambda value: {key: from_dict(inner, row) for key, row in (value or {}).items()},
        )
    if not section:
        return None, lambda value: value or []
    return (
        lambda value, most: _rows_to_dicts(inner, value, most),
        lambda value: _rows_from_dicts(inner, value),
    )


def _rows_to_dicts(
    kind: Type[Any], rows: Sequence[Any], most_rows: Optional[int]
) -> List[ResultDict]:
    convert = _shape(kind).to_dict
    if most_rows is None or not is_cut(kind, len(rows), most_rows):
        return [convert(row, most_rows) for row in rows]
    first = [convert(row, most_rows) for row in rows[:most_rows]]
    return LongList([*first, rest_of(rows[most_rows:])], rows)


def _rows_from_dicts(kind: Type[Any], rows: Optional[Sequence[Any]]) -> Sequence[Any]:
    if isinstance(rows, LongList) and rows.rows is not None:
        return rows.rows
    convert = _shape(kind).from_dict
    return [convert(row or {}) for row in listed(rows or ())]


def _optional(hint: Any) -> Tuple[Optional[_Writer], Optional[_Reader]]:
    out, into = _converters(hint)
    return (
        (lambda value, most: None if value is None else out(value, most)) if out else None,
        (lambda value: into(value) if value else None) if into and out else None,
    )
