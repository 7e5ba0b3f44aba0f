"""The statement that reads rows: lines, or the columns of a table, into typed columns.

Engines never see a line as CSV: their own readers drop odd lines, fill up short ones and take
`1_000` for a number, each in its own way and in silence.  A statement of ours reads the rows that
are written plainly, which are nearly all, by the rules of the local reader.  What is not plain
comes back as it is, in the column `line`, and is read by the local reader itself, so that a row
means the same to every reader.

Each value has two ways: a cast, in lines that match the pattern of `plain`, and the rules for all
other forms that a statement can read.
"""

from __future__ import annotations

from datetime import datetime, timezone
from fractions import Fraction
from typing import Dict, List, Mapping, NamedTuple, Tuple

from finops import config, schema
from finops.business import names
from finops.engines.dialect import Dialect
from finops.engines.plain import plain_line
from finops.engines.zones import changes_of, offset_of_local
from finops.reader import words
from finops.reader.encoding import CallKey, CustomerKey
from finops.reader.header import Header
from finops.reader.identity import CALL_ID, RepeatFilter
from finops.reader.options import ReadingOptions
from finops.rollups.retries import TRACE_ID
from finops.rollups.sessions import SESSION_ID
from finops.timestamps import zone_of

# What a record says beside its id that nothing is made of: it decides whether it is a repeat.
UNUSED: Tuple[str, ...] = tuple(c for c in RepeatFilter(frozenset()).columns if c != CALL_ID)
# By what calls belong together beside their customer.
LINK_IDS: Tuple[str, ...] = (SESSION_ID, TRACE_ID)
CALL_TEXTS: Tuple[str, ...] = CallKey._fields
CUSTOMER_TEXTS: Tuple[str, ...] = tuple(n for n in CustomerKey._fields if n != "tier_price_usd")
NUMBERS: Tuple[str, ...] = tuple(column.name for column in schema.NUMBERS)
COST = "cost"  # signed, in pico-dollars, null where a row names none
# All columns of a row as it was read, in this order.
COLUMNS: Tuple[str, ...] = (
    *("file", "n", "us", CALL_ID, "said", *LINK_IDS, "provider_given"),
    *(*CALL_TEXTS, *CUSTOMER_TEXTS, "tier_price_usd"),
    *(*NUMBERS, COST),
)
LINE = "line"  # a row that is not plain, null where it is

# No control, and no blank but the plain one.
_PLAIN_CHARACTER = (
    r"[^\x00-\x1f\x7f-\x{9f}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}"
    r"\x{205f}\x{3000}]*"
)
_ASCII = "[ -~]*"
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_NO_ZONE = f"{_DATE}[Tt ]{_CLOCK}(?:[.][0-9]{{1,12}})?"
_ZONE = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_WHOLE = "^([0-9]{1,%d})(?:[.]0{1,15})?$"
_TOTAL = "[0-9]{1,12}(?:[.]0{1,15})?"
_MILLISECONDS = "^([0-9]{1,9})(?:[.][0-9]{1,15})?$"
_AMOUNT = "-?[0-9]{1,9}(?:[.][0-9]{0,12})?"
_LONG_AMOUNT = "-?[0-9]{1,9}(?:[.][0-9]{0,25})?(?:[eE]-(?:0?[0-9]|1[0-9]|20))?"
_DOLLARS = ("", "USD", "US$", "$")
# Times of a time zone that has rules are read within these years; others are not plain.
_ZONE_YEARS = (2015, 2100)
_FOLDED = ("provider", "environment", "status", "error_type", "service_tier", "cost_source")


class Lines(NamedTuple):
    """Rows that share a header.

    `relation`: SQL with `file`, `n`, `line` and, where `typed`, `f`, the texts of all columns.
    `unnumbered`: the same of lines that get their `n` when they are kept (see `TextLines`).
    """

    header: Header
    relation: str
    typed: bool = False
    unnumbered: str = ""


def parsed(dialect: Dialect, lines: Lines, options: ReadingOptions, with_said: bool) -> str:
    """Return the SQL of rows as they are read: `COLUMNS`, and `LINE`.

    `with_said`: what nothing is made of as well, to compare records that have the same id.
    """
    return _Parser(dialect, lines, options, with_said).sql()


class _Parser:
    def __init__(
        self, dialect: Dialect, lines: Lines, options: ReadingOptions, with_said: bool
    ) -> None:
        self._d = dialect
        self._lines = lines
        self._options = options
        self._with_said = with_said
        self._there = lines.header.positions

    def sql(self) -> str:
        """Return the statement: lines, cells, values, rows, each from the ones before."""
        return (
            f"with cells as ({self._cells()}),\n"
            f"given as ({self._given()}),\n"
            f"typed as ({self._typed()})\n"
            f"{self._rows()}"
        )

    # --- from lines to cells ---------------------------------------------------------------------

    def _cells(self) -> str:
        d = self._d
        plain = (
            f"({d.is_valid('text')} and {d.octets('text')} <= {config.MAX_LINE_BYTES}"
            f" and {d.matches('text', plain_line(self._lines.header))}) as plain"
        )
        if self._lines.typed:
            return (
                f"select file, n, line, text, f, {plain}"
                f" from (select *, line as text from ({self._lines.relation}) lines) whole"
            )
        return (
            f"select file, n, line, text, {d.fields('text')} as f, {plain}"
            f" from (select file, n, line, {d.without_returns('line')} as text"
            f" from ({self._lines.unnumbered}) lines) whole"
        )

    def _given(self) -> str:
        """Return the cells without the blanks around them, as `r_NAME`."""
        d, header = self._d, self._lines.header
        whole = [d.matches("text", _PLAIN_CHARACTER), f"{d.size('f')} = {header.width}"]
        if not self._lines.typed:
            whole.append(d.is_valid("text"))
            whole.append(f"{d.octets('text')} <= {config.MAX_LINE_BYTES}")
            whole.append(f"(not contains(text, '\"') or {d.is_quoted_well('text')})")
        trimmed = "trim(coalesce({}, ''))".format
        cells = [f"{_either(cell, trimmed(cell))} as r_{name}" for name, cell in self._fields()]
        is_whole = _either("true", f"({' and '.join(whole)})")
        return f"select file, n, line, plain, {is_whole} as whole, {', '.join(cells)} from cells"

    def _fields(self) -> List[Tuple[str, str]]:
        """Return the columns that are there, in their order, with the SQL of their cells."""
        by_place = sorted(self._there.items(), key=lambda item: item[1])
        return [(name, self._d.field("f", place)) for name, place in by_place]

    def _raw(self, name: str) -> str:
        return f"r_{name}" if name in self._there else "''"

    def _value(self, name: str) -> str:
        """Return a cell, '' where it is a word that stands for no value."""
        if name not in self._there:
            return "''"
        raw = self._raw(name)
        empty = self._d.is_one_of(f"lower({raw})", sorted(words.EMPTY - {""}))
        nothing = f"length({raw}) < 5 and {empty}"
        return f"case when plain then {raw} when {nothing} then '' else {raw} end"

    # --- from cells to values ------------------------------------------------------------

    def _typed(self) -> str:
        texts = [n for n in (*schema.COLUMN_NAMES, schema.CURRENCY) if self._is_text(n)]
        columns = [f"{self._value(name)} as v_{name}" for name in texts]
        columns += [f"{self._whole(c.name, c.limit)} as {c.name}" for c in self._wholes()]
        columns += [f"{self._pico(name)} as {alias}" for name, alias in self._amounts().items()]
        columns.append(f"{self._us()} as us")
        carried = ["file", "n", "line", "plain", "whole"]
        said = [n for n in (*UNUSED, "cost_source") if n in self._there]
        carried += [f"r_{name}" for name in dict.fromkeys([*said, *self._optional()])]
        return f"select {', '.join([*carried, *columns])} from given"

    def _is_text(self, name: str) -> bool:
        kinds = {c.name: c.kind for c in schema.COLUMNS}
        return name in self._there and kinds.get(name, "text") in ("text", "id")

    def _wholes(self) -> List[schema.Column]:
        return [c for c in schema.NUMBERS if c.kind == "int" and c.name in self._there]

    def _amounts(self) -> Dict[str, str]:
        """Return the columns of money that are there, and what they are called."""
        named = {"cost_usd": COST, "list_cost_usd": "list_cost_usd", "tier_price_usd": "price"}
        return {name: alias for name, alias in named.items() if name in self._there}

    def _optional(self) -> List[str]:
        """Return the columns of numbers that may be empty."""
        optional = [c.name for c in self._wholes() if not c.required]
        return [*optional, *self._amounts(), *(["total_tokens"] * ("total_tokens" in self._there))]

    def _blank(self, name: str) -> str:
        return f"{self._value(name)} = ''"

    def _whole(self, name: str, limit: int) -> str:
        """Return a whole number, null where the cell has none that is written plainly."""
        d, raw = self._d, self._raw(name)
        value = d.cast(d.part(raw, _WHOLE % (len(str(limit)) - 1)), "bigint")
        if name == "latency_ms":  # of which fractions are rounded
            half = f"substr({d.part(raw, '[.]([0-9])')}, 1, 1) >= '5'"
            whole = d.cast(d.part(raw, _MILLISECONDS), "bigint")
            value = f"({whole} + case when {half} then 1 else 0 end)"
        return _either(d.cast(raw, "bigint"), value)

    def _pico(self, name: str) -> str:
        """Return an amount in pico-dollars, halves away from zero; null where it is not plain."""
        d, raw = self._d, self._raw(name)
        whole, decimals = d.part(raw, "^-?([0-9]+)"), d.part(raw, "[.]([0-9]*)")
        exponent = d.part(raw, "[eE]-([0-9]+)$")
        simple = f"concat({whole}, rpad({decimals}, 12, '0'))"
        digits = d.cast(f"concat({whole}, {decimals})", d.big)
        places = f"(length({decimals}) + coalesce({d.cast(exponent, 'int')}, 0) - 12)"
        fewer = d.big_quotient(
            f"{digits} + {d.big_quotient(d.power_of_ten(places), '2')}", d.power_of_ten(places)
        )
        more = f"{digits} * {d.power_of_ten(f'(0 - {places})')}"
        size = (
            f"case when {d.matches(raw, _AMOUNT)} then {d.cast(simple, d.big)}"
            f" when {d.matches(raw, _LONG_AMOUNT)} then"
            f" case when {places} > 0 then {fewer} else {more} end end"
        )
        return _either(d.pico(raw), f"(case when {raw} like '-%' then -1 else 1 end * {size})")

    def _us(self) -> str:
        """Return the microseconds since 1970 in UTC, null where the time is not plain."""
        d, t = self._d, self._raw("timestamp")
        stamp = d.microseconds(f"concat(substr({t}, 1, 10), ' ', substr({t}, 12, 8))")
        decimals = d.part(t, "[.]([0-9]+)")
        fraction = d.cast(f"substr(concat({decimals}, '000000'), 1, 6)", "bigint")
        sign = f"case when {d.part(t, '([+-])[0-9:]+$')} = '-' then -1 else 1 end"
        hours = d.cast(d.part(t, "[+-]([0-9]{2})(?::?[0-9]{2})?$"), "bigint")
        minutes = f"coalesce({d.cast(d.part(t, '[+-][0-9]{2}:?([0-9]{2})$'), 'bigint')}, 0)"
        offset = f"coalesce({sign} * ({hours} * 60 + {minutes}) * 60000000, 0)"
        local = f"({stamp} + {fraction})"
        return (
            f"case {self._plain_times()}"
            f" when {d.matches(t, _NO_ZONE + _ZONE)} then {local} - {offset}"
            f" when {d.matches(t, _NO_ZONE)} then {self._without_zone(local)} end"
        )

    def _plain_times(self) -> str:
        if zone_of(self._options.input_timezone) != timezone.utc:
            return ""
        return f"when plain then {self._d.microseconds(self._raw('timestamp'))}"

    def _without_zone(self, local: str) -> str:
        """Return a time that names no zone in UTC."""
        zone = zone_of(self._options.input_timezone)
        if zone == timezone.utc:
            return local
        first, last = (datetime(year, 1, 1) for year in _ZONE_YEARS)
        changes = changes_of(zone, first, last)
        if isinstance(zone, timezone):
            return f"{local} - {offset_of_local(local, changes)}"
        low = (changes[0].since + 86400) * 10**6
        return (
            f"case when {local} >= {low} and {local} < {_micros(last)} then"
            f" {local} - {offset_of_local(local, changes)} end"
        )

    # --- from values to rows ------------------------------------------------------------

    def _rows(self) -> str:
        columns = self._columns()
        listed = ",\n ".join(f"{columns[name]} as {name}" for name in COLUMNS)
        plain = "\n  and ".join(self._conditions())
        return (
            f"select {listed},\n case when {plain}\n then null else line end as {LINE}\nfrom typed"
        )

    def _conditions(self) -> List[str]:
        """Return what all holds of a plain row."""
        always = ["us >= 0", f"{self._text('model')} <> ''"]
        always += [f"{part} <= {whole}" for part, whole in self._parts()]
        always += self._in_dollars()
        cells = " and ".join(f"coalesce({each}, false)" for each in self._conditions_of_cells())
        return [*(f"coalesce({each}, false)" for each in always), _either("true", f"({cells})")]

    def _conditions_of_cells(self) -> List[str]:
        """Return what holds of the cells of a row, beyond what a plain line is."""
        d = self._d
        conditions = ["whole", "input_tokens is not null", "output_tokens is not null"]
        for name in (*_FOLDED, "subscription_tier"):
            if name in self._there:
                conditions.append(d.matches(f"v_{name}", _ASCII))
        for column in self._wholes():
            if not column.required:
                blank = self._blank(column.name)
                conditions.append(f"({blank} or {column.name} is not null)")
        if "total_tokens" in self._there:
            total = d.matches("r_total_tokens", _TOTAL)
            conditions.append(f"({self._blank('total_tokens')} or {total})")
        limit = schema.MAX_COST_PICO
        for name, alias in self._amounts().items():
            lowest = -limit if name == "cost_usd" else 0
            conditions.append(f"({self._blank(name)} or {alias} between {lowest} and {limit})")
        return conditions

    def _parts(self) -> List[Tuple[str, str]]:
        cached, written, stays = (
            self._number(f"{n}_tokens") for n in ("cached_input", "cache_write", "cache_write_1h")
        )
        parts = [(f"{cached} + {written}", "input_tokens"), (stays, written)]
        parts.append((self._number("reasoning_tokens"), "output_tokens"))
        return [(part, whole) for part, whole in parts if part not in ("0", "0 + 0")]

    def _in_dollars(self) -> List[str]:
        if self._lines.header.currency != "USD":
            return ["false"]
        if schema.CURRENCY not in self._there:
            return []
        return [self._d.is_one_of(f"upper(v_{schema.CURRENCY})", _DOLLARS)]

    def _number(self, name: str) -> str:
        """Return a number of a row, its default where there is none."""
        default = {c.name: c.default for c in schema.NUMBERS}[name]
        absent = "null" if default is None else str(default)
        if name not in self._there:
            return absent
        return name if default is None else f"coalesce({name}, {absent})"

    def _text(self, name: str) -> str:
        return f"v_{name}" if name in self._there else "''"

    def _columns(self) -> Mapping[str, str]:
        """Return the SQL of each of `COLUMNS`."""
        d = self._d
        columns: Dict[str, str] = {"file": "file", "n": "n", "us": "us"}
        columns[CALL_ID] = self._text(CALL_ID)
        columns["said"] = self._said()
        columns.update({name: self._text(name) for name in LINK_IDS})
        columns["provider_given"] = self._text("provider")
        columns.update({name: self._or_unknown(name) for name in CALL_TEXTS})
        columns.update({name: self._or_unknown(name) for name in CUSTOMER_TEXTS})
        columns["customer_id"] = self._or(self._text("customer_id"), config.UNALLOCATED)
        columns["subscription_tier"] = self._or(self._tier(), config.UNKNOWN)
        columns["tier_price_usd"] = self._tier_price()
        columns["provider"] = self._provider()
        columns["model"] = self._text("model")
        columns["environment"] = self._environment()
        columns["status_given"] = self._text("status")
        columns["status"], columns["error_type"] = self._status()
        columns["cost_kind"] = f"cast(null as {d.text})"
        columns["cost_source"] = f"lower({self._raw('cost_source')})"
        columns["service_tier"] = self._or(self._lower("service_tier"), config.UNKNOWN)
        for column in schema.NUMBERS:
            kind = d.big if column.kind == "money" else "bigint"
            columns[column.name] = f"cast({self._number(column.name)} as {kind})"
        columns[COST] = COST if "cost_usd" in self._there else f"cast(null as {d.big})"
        return columns

    def _or(self, text: str, other: str) -> str:
        return f"coalesce(nullif({text}, ''), {self._d.literal(other)})"

    def _or_unknown(self, name: str) -> str:
        return self._or(self._text(name), config.UNKNOWN)

    def _said(self) -> str:
        """Return all that nothing is made of as one text, null where nobody wants it."""
        if not self._with_said:
            return f"cast(null as {self._d.text})"
        named = [f"concat('{name}=', {self._raw(name)}, chr(31))" for name in UNUSED]
        return f"concat('', {', '.join(named)})"

    def _tier(self) -> str:
        return self._lower("subscription_tier")

    def _lower(self, name: str) -> str:
        text = self._text(name)
        return _either(text, f"lower({text})") if name in self._there else text

    def _tier_price(self) -> str:
        """Return the price of a customer in pico-dollars, null where it is not known."""
        d = self._d
        prices = {words.tier_of(t): float(usd) for t, usd in self._options.tier_prices}
        prices = {**config.SUBSCRIPTION_TIERS, **prices}
        tiers = [
            f"when {d.literal(tier)} then {int(Fraction(repr(usd)) * schema.PICO_PER_USD)}"
            for tier, usd in sorted(prices.items())
        ]
        by_tier = f"case {self._tier()} {' '.join(tiers)} end" if tiers else "null"
        given = "price" if "tier_price_usd" in self._there else "null"
        return f"cast(coalesce({given}, {by_tier}) as {d.big})"

    def _provider(self) -> str:
        """Return the id of a provider, '' where a row names none."""
        folded = self._d.replaced(f"lower({self._text('provider')})", "[ _]+", "-")
        given = f"when plain then {self._text('provider')}"
        vertex = f"when {folded} like {self._d.literal(names.VERTEX + '%')} then 'google'"
        return f"case {given} {vertex} {self._renamed(folded, names.PROVIDERS)} else {folded} end"

    def _environment(self) -> str:
        plain = f"lower({self._text('environment')})"
        renamed = self._renamed(plain, config.ENVIRONMENT_ALIASES)
        other = self._or(f"case {renamed} else {plain} end", config.UNKNOWN)
        return _either(self._or_unknown("environment"), other)

    def _renamed(self, text: str, aliases: Mapping[str, str]) -> str:
        """Return the cases of names that stand for others, by what they stand for."""
        by_name: Dict[str, List[str]] = {}
        for alias, name in aliases.items():
            by_name.setdefault(name, []).append(alias)
        return " ".join(
            f"when {self._d.is_one_of(text, given)} then {self._d.literal(name)}"
            for name, given in by_name.items()
        )

    def _status(self) -> Tuple[str, str]:
        """Return how a call ended, and the kind of error, '' on success."""
        given = _Word(self._d, self._text("status"))
        error = _Word(self._d, self._text("error_type"))
        status = given.status()
        spelled = self._d.is_one_of(error.plain, config.ERROR_TYPES)
        kind = (
            f"case when {spelled} then {error.plain}"
            f" else coalesce(nullif({error.error()}, ''), {self._text('error_type')}) end"
        )
        failed = f"case when {status} = 'error' then {self._d.literal(config.UNKNOWN)} else '' end"
        kind = f"coalesce(nullif({kind}, ''), nullif({given.error()}, ''), {failed})"
        if "status" not in self._there:
            return status, kind
        plain_status, plain_kind = self._text("status"), self._text("error_type")
        as_given = (
            f"when plain and {plain_kind} <> '' then {plain_kind} when plain then"
            f" case when {plain_status} = 'error' then {self._d.literal(config.UNKNOWN)}"
            " else '' end"
        )
        return _either(plain_status, status), f"case {as_given} else {kind} end"


def _either(plain: str, other: str) -> str:
    """Return the SQL of a value in plain lines and in all others."""
    return f"case when plain then {plain} else {other} end"


class _Word:
    """A word that says how a call ended, as SQL."""

    def __init__(self, dialect: Dialect, text: str) -> None:
        self._d = dialect
        self.plain = dialect.replaced(f"lower({text})", "[ _-]+", "_")
        self._code = dialect.cast(dialect.part(self.plain, "^([1-5][0-9]{2})(?:[.]0+)?$"), "int")

    def status(self) -> str:
        """Return success, error or unknown."""
        good, bad = (
            self._d.is_one_of(self.plain, sorted(known))
            for known in (words.SUCCESS, words.FAILURES)
        )
        return (
            f"case when {good} or {self._code} between 200 and 299 then 'success'"
            f" when {bad} or {self._code} >= 400 then 'error'"
            f" else {self._d.literal(config.UNKNOWN)} end"
        )

    def error(self) -> str:
        """Return the kind of error that it names, '' where it names none."""
        codes = [
            f"when {self._code} = {code} then {self._d.literal(kind)}"
            for code, kind in words.HTTP_ERRORS.items()
        ]
        named = [
            f"when {self.plain} = {self._d.literal(word)} then {self._d.literal(kind)}"
            for word, kind in words.FAILURES.items()
            if kind
        ]
        return (
            f"case {' '.join([*codes, *named])} when {self._code} >= 500 then"
            f" {self._d.literal(words.SERVER_ERROR)} when {self._code} >= 400 then"
            f" {self._d.literal(words.OTHER_ERROR)} else '' end"
        )


def _micros(moment: datetime) -> int:
    return int(moment.replace(tzinfo=timezone.utc).timestamp()) * 10**6
