"""All statements of a run as text, for a warehouse that this program does not talk to.

Anyone with access runs them in their order; the rows of queries are saved as CSV, and `RowsDataset`
makes the same tables of them.  Nothing is run here, so what a run would ask first is settled
beforehand: prices are those of the names in the price table, the latest ones, and a row that is
not written plainly is left out and counted.
"""

from __future__ import annotations

from datetime import timezone
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from finops import config
from finops.business.catalog import PriceTable
from finops.engines.answers import FolderAnswers, name_of
from finops.engines.calls import (
    IMPLAUSIBLE as IMPLAUSIBLE_KIND,
)
from finops.engines.calls import (
    OUTSIDE,
    REPEATED,
    USED,
    Bounds,
    accounts_sql,
    calls_sql,
    ends_sql,
    kinds_sql,
    rows_sql,
)
from finops.engines.dataset import (
    ENDS,
    FACT_TABLES,
    MOST_ROWS,
    AnsweredDataset,
    Taken,
    part_of,
)
from finops.engines.dialect import Dialect
from finops.engines.engine import Columns
from finops.engines.parsing import Lines, parsed
from finops.engines.prices import NUMBERS, TEXTS, Asked, price_rows
from finops.engines.sources import Opening, header_of, typed_relation
from finops.engines.statements import statements
from finops.errors import DataError
from finops.reader.accounts import Accounts
from finops.reader.header import Header
from finops.reader.layout import latest_plausible
from finops.reader.options import ReadingRules
from finops.reader.row_selection import IMPLAUSIBLE
from finops.rollups.merge import FileParts
from finops.rollups.spec import Table
from finops.timestamps import zone_of

ACCOUNTS, ODD = "accounts", "odd"
NOT_PLAIN = "not written plainly"
_TIERS = ("unknown", "standard", "batch", "flex", "priority", "fast", "free", "response-cache")
# Offsets of a time zone are written out for these times, in microseconds since 1970.
_FIRST_US, _LAST_US = 1_420_070_400_000_000, 2_051_222_400_000_000  # 2015 to 2035
_ODD_SQL = (
    "select file, n, line, odd_rows from (select file, n, line,"
    " count(*) over (partition by file) as odd_rows,"
    " row_number() over (partition by file order by line) as place"
    " from finops_parsed where line is not null) odd"
    f" where place <= {config.SKIPPED_LINES_KEPT} order by file, place"
)


class Statement(NamedTuple):
    """One statement by its name; of a query the rows are wanted."""

    name: str
    sql: str
    is_query: bool


def script(
    dialect: Dialect, columns: Columns, tables: Iterable[Table], opening: Opening
) -> List[Statement]:
    """Return the statements that fill tables from typed columns, in their order.

    Raises DataError where the columns are not those of calls.
    """
    header = header_of(columns.names, columns.files[0], opening.options)
    lines = Lines(header, typed_relation(dialect, columns), typed=True)
    rules = ReadingRules(opening.prices, opening.options, latest_plausible(opening.context))
    zone = zone_of(opening.options.timezone)
    ends = (0, 0) if zone == timezone.utc else (_FIRST_US, _LAST_US)
    relations = {
        "finops_parsed": parsed(dialect, lines, opening.options, with_said=True),
        "finops_files": _files(dialect, columns.files),
        "finops_prices": _prices(dialect, opening.prices),
        "finops_rows": rows_sql(dialect, "0", with_prices=True),
        "finops_kinds": kinds_sql(Bounds.of(rules), has_repeats=True),
        "finops_calls": calls_sql(dialect, zone, *ends),
    }
    made = [
        Statement(f"{number}-{name}", f"create table {name} as\n{sql}", False)
        for number, (name, sql) in enumerate(relations.items(), 1)
    ]
    return made + [Statement(name, sql, True) for name, sql in queries(dialect, tables, rules)]


def queries(
    dialect: Dialect, tables: Iterable[Table], rules: ReadingRules
) -> List[Tuple[str, str]]:
    """Return the names and the SQL of the queries, each once."""
    found: Dict[str, str] = {
        ACCOUNTS: accounts_sql(Bounds.of(rules)),
        ODD: _ODD_SQL,
        ENDS: ends_sql(),
    }
    for table in (*FACT_TABLES, *tables):
        for kind, sql in statements(dialect, table).items():
            found[name_of(table, kind)] = sql
    return list(found.items())


def _files(dialect: Dialect, files: Sequence[str]) -> str:
    rows = [(dialect.literal(file), str(place), "0") for place, file in enumerate(files)]
    names = ("file", "file_number", "start")
    return f"select {', '.join(names)} from {dialect.rows(rows, names, 'given')}"


def _prices(dialect: Dialect, prices: PriceTable) -> str:
    """Return the SQL of the prices of all models under the names that the table has for them."""
    asked = dict.fromkeys(
        Asked(provider, model.name, tier, 0)
        for model in prices
        for provider in ("", model.provider)
        for tier in _TIERS
    )
    rows = [
        (
            *map(dialect.literal, row.texts),
            *("null" if number is None else str(number) for number in row.numbers),
        )
        for row in price_rows(prices, asked)
    ]
    typed = [f"cast({name} as {dialect.big}) as {name}" for name in NUMBERS]
    names = (*TEXTS, *NUMBERS)
    return f"select {', '.join((*TEXTS, *typed))} from {dialect.rows(rows, names, 'given')}"


class RowsDataset(AnsweredDataset):
    """Calls of which the rows of all queries lie in a folder."""

    def __init__(
        self, folder: str, dialect: Dialect, opening: Opening, most_rows: int = MOST_ROWS
    ) -> None:
        super().__init__(FolderAnswers(folder), "rows", dialect, opening, most_rows)
        self._folder = folder

    def _take_in(self) -> Taken:
        files: Dict[str, Accounts] = {}
        rules = ReadingRules(self.prices, self.options, latest_plausible(self.context))
        found = self._answers.rows(ACCOUNTS, accounts_sql(Bounds.of(rules)))
        for file, kind, count, cost, plausible in found:
            self._account(files.setdefault(file, Accounts()), kind, count, cost, plausible)
        odd: Dict[str, int] = {}
        for file, _, line, rows in self._answers.rows(ODD, _ODD_SQL):
            files.setdefault(file, Accounts()).skip(NOT_PLAIN, 1, str(line).encode("utf-8"))
            odd[file] = int(rows)
        for file, rows in odd.items():
            files[file].skipped[NOT_PLAIN] = rows
            files[file].lines += rows
        if not files:
            raise DataError(f"{self._folder}: no row of any file in {ACCOUNTS}.csv")
        parts = [self._part(file, files[file]) for file in sorted(files)]
        name = f"rows in {self._folder}" if len(files) > 1 else next(iter(files))
        return Taken(name, None, len(files), parts, (), is_text=False)

    def _account(
        self, accounts: Accounts, kind: str, count: str, cost: str, plausible: str
    ) -> None:
        rows = int(count)
        accounts.lines += rows
        if kind == IMPLAUSIBLE_KIND:
            accounts.skipped[IMPLAUSIBLE] = rows
            accounts.first_lines[IMPLAUSIBLE] = []
            accounts.leave_money(IMPLAUSIBLE, int(cost))
            return
        accounts.implausible_used += rows - int(plausible)
        name = {USED: "used", OUTSIDE: "outside", REPEATED: "repeated_records"}[kind]
        setattr(accounts, name, rows)

    def _part(self, file: str, accounts: Accounts) -> FileParts:
        header = Header({}, 0, b"", 0, ())
        return FileParts(file, header, (), [part_of(accounts)])
