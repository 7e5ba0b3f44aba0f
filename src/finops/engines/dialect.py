"""What engines write differently: some twenty words, from which all statements are made.

Hand-made, since a translator of SQL knows neither how each engine rounds nor what it does with
a cast that fails.  Every cast here gives null where it cannot be done.
"""

from __future__ import annotations

from typing import Dict, Sequence, Type


class Dialect:
    """The words of one engine.  `big` is a whole number of at least 38 digits, `text` a text."""

    name = ""
    big = "decimal(38, 0)"
    text = "varchar"
    # The suffix of a repetition in a pattern that never backtracks, where the engine has one.
    once = ""
    # Whether the name of a column is that of a relation's own, whatever its case.
    quote = '"'

    def literal(self, text: str) -> str:
        """Return a text as SQL."""
        return "'" + text.replace("'", "''") + "'"

    def identifier(self, name: str) -> str:
        """Return the name of a column as SQL."""
        return self.quote + name.replace(self.quote, 2 * self.quote) + self.quote

    def cast(self, value: str, kind: str) -> str:
        """Return a value of another type, null where it is none."""
        return f"try_cast({value} as {kind})"

    def whole_quotient(self, value: str, by: str) -> str:
        """Return a whole number that is not negative divided by another, rounded down."""
        raise NotImplementedError

    def big_quotient(self, value: str, by: str) -> str:
        """Return the same of a big number."""
        return self.whole_quotient(value, by)

    def is_valid(self, text: str) -> str:
        """Return whether a text is UTF-8, where an engine takes in others."""
        return "true"

    def matches(self, text: str, pattern: str) -> str:
        """Return whether all of a text matches."""
        raise NotImplementedError

    def replaced(self, text: str, pattern: str, by: str) -> str:
        """Return a text with all matches replaced."""
        raise NotImplementedError

    def part(self, text: str, pattern: str, group: int = 1) -> str:
        """Return a group of the first match, '' where there is none."""
        return f"regexp_extract({text}, {self.literal(pattern)}, {group})"

    def fields(self, line: str) -> str:
        """Return the fields of a line as a list: split at commas, or by quotes where it has any."""
        raise NotImplementedError

    def is_quoted_well(self, line: str) -> str:
        """Return whether each field of a line is within quotes as a whole, or has none."""
        field = self._quoted_field
        return self.matches(line, f"(?:{field})(?:,(?:{field}))*{self.once}")

    @property
    def _delimited_field(self) -> str:
        return self.literal(f",({self._quoted_field})")

    @property
    def _quoted_field(self) -> str:
        once = self.once
        return f'"[^"]*{once}(?:""[^"]*{once})*{once}"|[^",]*{once}'

    def list_of(self, texts: Sequence[str]) -> str:
        """Return texts as a list."""
        raise NotImplementedError

    def is_one_of(self, text: str, words: Sequence[str]) -> str:
        """Return whether a text is one of some words."""
        return f"{text} in ({', '.join(map(self.literal, words))})"

    def field(self, fields: str, place: int) -> str:
        """Return a field by its place from 0, null where there is none."""
        raise NotImplementedError

    def size(self, fields: str) -> str:
        """Return how many fields there are."""
        raise NotImplementedError

    def octets(self, text: str) -> str:
        """Return how many bytes a text has."""
        raise NotImplementedError

    def without_returns(self, line: str) -> str:
        """Return a line without the carriage returns at its end."""
        raise NotImplementedError

    def microseconds(self, text: str) -> str:
        """Return the microseconds since 1970 of `2025-01-31 09:30:00` in UTC, null if none."""
        raise NotImplementedError

    def power_of_ten(self, exponent: str) -> str:
        """Return ten to a power from 0 to 37 as a big number."""
        return self.cast(f"rpad('1', cast(1 + {exponent} as int), '0')", self.big)

    def pico(self, amount: str) -> str:
        """Return an amount of up to 18 digits, 12 of them decimals, as so many pico-dollars."""
        raise NotImplementedError

    def rows(self, rows: Sequence[Sequence[str]], names: Sequence[str], alias: str) -> str:
        """Return rows of literals as a relation; there is at least one."""
        listed = ", ".join("(" + ", ".join(row) + ")" for row in rows)
        return f"(values {listed}) as {alias}({', '.join(names)})"


class DuckDBDialect(Dialect):
    """The words of DuckDB."""

    name = "duckdb"
    big = "hugeint"

    def whole_quotient(self, value: str, by: str) -> str:
        """Return a whole number that is not negative divided by another, rounded down."""
        return f"(({value}) // ({by}))"

    def matches(self, text: str, pattern: str) -> str:
        """Return whether all of a text matches."""
        return f"regexp_full_match({text}, {self.literal(pattern)})"

    def replaced(self, text: str, pattern: str, by: str) -> str:
        """Return a text with all matches replaced."""
        return f"regexp_replace({text}, {self.literal(pattern)}, {self.literal(by)}, 'g')"

    def fields(self, line: str) -> str:
        """Return the fields of a line as a list: split at commas, or by quotes where it has any."""
        quoted = f"regexp_extract_all(',' || {line}, {self._delimited_field}, 1)"
        inside = "replace(substr(v, 2, length(v) - 2), '\"\"', '\"')"
        bare = f"case when v[1] = '\"' then {inside} else v end"
        return (
            f"case when contains({line}, '\"') then list_transform({quoted}, lambda v: {bare})"
            f" else string_split({line}, ',') end"
        )

    def list_of(self, texts: Sequence[str]) -> str:
        """Return texts as a list."""
        return f"[{', '.join(texts)}]"

    def is_one_of(self, text: str, words: Sequence[str]) -> str:
        """Return whether a text is one of some words.

        DuckDB makes a join of a long IN, which meets all rows, those of other cases as well.
        """
        return f"case {text} {' '.join(f'when {self.literal(w)} then true' for w in words)} end"

    def field(self, fields: str, place: int) -> str:
        """Return a field by its place from 0, null where there is none."""
        return f"{fields}[{place + 1}]"

    def size(self, fields: str) -> str:
        """Return how many fields there are."""
        return f"len({fields})"

    def octets(self, text: str) -> str:
        """Return how many bytes a text has."""
        return f"strlen({text})"

    def without_returns(self, line: str) -> str:
        """Return a line without the carriage returns at its end."""
        ended = f"ends_with({line}, chr(13))"  # far cheaper than to trim every line
        return f"case when {ended} then rtrim({line}, chr(13)) else {line} end"

    def microseconds(self, text: str) -> str:
        """Return the microseconds since 1970 of `2025-01-31 09:30:00` in UTC, null if none."""
        return f"epoch_us(try_cast({text} as timestamp))"

    def pico(self, amount: str) -> str:
        """Return an amount of up to 18 digits, 12 of them decimals, as so many pico-dollars."""
        return f"cast(try_cast(concat({amount}, 'e12') as bigint) as {self.big})"


class SparkDialect(Dialect):
    """The words of Spark, in its ANSI mode and with UTC as the zone of the session."""

    name = "spark"
    text = "string"
    quote = "`"
    once = "+"  # else a long field with quotes takes more of Java's stack than there is

    def literal(self, text: str) -> str:
        """Return a text as SQL."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def whole_quotient(self, value: str, by: str) -> str:
        """Return a whole number that is not negative divided by another, rounded down."""
        return f"(({value}) div ({by}))"

    def big_quotient(self, value: str, by: str) -> str:
        """Return the same of a big number, of which `div` would make a small one."""
        return f"cast((({value}) - ({value}) % ({by})) / ({by}) as {self.big})"

    def is_valid(self, text: str) -> str:
        """Return whether a text is UTF-8, where an engine takes in others."""
        return f"is_valid_utf8({text})"

    def matches(self, text: str, pattern: str) -> str:
        """Return whether all of a text matches."""
        return f"({text} rlike {self.literal('^(?:' + pattern + ')' + chr(92) + 'z')})"

    def replaced(self, text: str, pattern: str, by: str) -> str:
        """Return a text with all matches replaced."""
        return f"regexp_replace({text}, {self.literal(pattern)}, {self.literal(by)})"

    def fields(self, line: str) -> str:
        """Return the fields of a line as a list: split at commas, or by quotes where it has any."""
        quoted = f"regexp_extract_all(concat(',', {line}), {self._delimited_field}, 1)"
        bare = (
            "case when left(v, 1) = '\"' then replace(substr(v, 2, length(v) - 2), '\"\"', '\"')"
            " else v end"
        )
        return (
            f"case when contains({line}, '\"') then transform({quoted}, v -> {bare})"
            f" else split({line}, ',', -1) end"
        )

    def list_of(self, texts: Sequence[str]) -> str:
        """Return texts as a list."""
        return f"array({', '.join(texts)})"

    def field(self, fields: str, place: int) -> str:
        """Return a field by its place from 0, null where there is none."""
        return f"get({fields}, {place})"

    def size(self, fields: str) -> str:
        """Return how many fields there are."""
        return f"size({fields})"

    def octets(self, text: str) -> str:
        """Return how many bytes a text has."""
        return f"octet_length({text})"

    def without_returns(self, line: str) -> str:
        """Return a line without the carriage returns at its end."""
        ended = f"endswith({line}, chr(13))"
        return f"case when {ended} then rtrim(chr(13), {line}) else {line} end"

    def microseconds(self, text: str) -> str:
        """Return the microseconds since 1970 of `2025-01-31 09:30:00` in UTC, null if none."""
        return f"unix_micros(try_cast({text} as timestamp))"

    def pico(self, amount: str) -> str:
        """Return an amount of up to 18 digits, 12 of them decimals, as so many pico-dollars."""
        return f"try_cast(concat({amount}, 'e12') as {self.big})"


DIALECTS: Dict[str, Type[Dialect]] = {each.name: each for each in (DuckDBDialect, SparkDialect)}
