"""The options of reading calls, the same for every command that does.

Flags beat the configuration file; what neither says has a default.  What they say together is
kept as text (`ReadingChoices`), so that a later run can use them again.
"""

from __future__ import annotations

import argparse
import os
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Dict, Mapping, NamedTuple, Sequence, Tuple

from finops import config, schema
from finops.commands import config_file
from finops.commands.base import local_path
from finops.commands.config_file import ConfigFile
from finops.commands.nearest import nearest
from finops.errors import UsageError
from finops.locations import is_elsewhere
from finops.reader.options import UTC, Pairs, ReadingOptions
from finops.reader.time_limits import first_moment, moment_after
from finops.reading_choices import ReadingChoices
from finops.timestamps import zone_of

if TYPE_CHECKING:
    from finops.business.catalog import PriceTable
    from finops.rollups.protocol import Source

STANDARD_INPUT = "-"
# A comma parts two columns only where another FIELD= follows: names of columns may have commas.
_NEXT_FIELD = re.compile(r",(?=\s*\w+\s*=)")
_CURRENCY = re.compile("[A-Z]{3}").fullmatch
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?|\.[0-9]{1,12}").fullmatch


class Reading(NamedTuple):
    """How a command reads its data.

    `choices` are what it was given, in words, with the data and the configuration file that
    follow from environment and defaults; `flags` without these.  `limits`, `tier_prices`
    and `budgets` come from the configuration file (see `config.configure`), and so does
    `billing_account`, the account that providers bill, "" where it is not said.
    """

    flags: ReadingChoices
    choices: ReadingChoices
    options: ReadingOptions
    prices: PriceTable
    limits: Mapping[str, config.LimitValue]
    tier_prices: Mapping[str, float]
    budgets: Tuple[config.Budget, ...] = ()
    billing_account: str = ""

    @property
    def source(self) -> Source:
        """What to open: a path, or several."""
        paths = self.choices.data
        return paths[0] if len(paths) == 1 else list(paths)

    @property
    def lasting(self) -> Tuple[str, ...]:
        """The data, for commands that read it again and again.

        Raises UsageError where some can be read once only, or is not on this machine.
        """
        if STANDARD_INPUT in self.choices.data:
            raise UsageError(
                "this command reads its data more than once, which standard input does not allow;"
                " give files, folders or patterns to --data"
            )
        return tuple(str(local_path(location)) for location in self.choices.data)

    def configure(self) -> None:
        """Set what the configuration file decides for the rest of this process."""
        config.configure(self.limits, self.tier_prices, self.budgets)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options of reading, `--data` among them."""
    parser.add_argument(
        "--data",
        metavar="PATH",
        action="append",
        help="the CSV of calls: a file, a folder, a pattern, - for standard input; may be given"
        " more than once (default: FINOPS_DATA, else data/simulated_calls.csv)",
    )
    add_how(parser)


def add_how(parser: argparse.ArgumentParser) -> None:
    """Add the options of reading but `--data`."""
    group = parser.add_argument_group("options of reading")
    group.add_argument(
        "--map",
        metavar="FIELD=COLUMN",
        action="append",
        help="which column holds a field of the call record; may be given more than once",
    )
    add_prices(group)
    add_times(group)
    group.add_argument(
        "--rate",
        metavar="EUR=1.08",
        action="append",
        help="the price of a currency in USD; may be given more than once",
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="the configuration file (default: finops.toml or finops.json beside the data)",
    )


def add_times(parser: argparse._ActionsContainer) -> None:
    """Add the time zones, `--since` and `--until`."""
    parser.add_argument(
        "--timezone",
        metavar="ZONE",
        help="the time zone of days, weeks and hours: Europe/Berlin, +05:30 (default: UTC)",
    )
    parser.add_argument(
        "--input-timezone",
        metavar="ZONE",
        help="the time zone of times that name none (default: UTC)",
    )
    parser.add_argument(
        "--since", metavar="DATE", help="only calls from this date or time of --timezone on"
    )
    parser.add_argument(
        "--until",
        metavar="DATE",
        help="only calls up to this date, its day included, or before this time",
    )


def add_prices(parser: argparse._ActionsContainer) -> None:
    """Add `--prices`."""
    parser.add_argument(
        "--prices",
        metavar="FILE",
        action="append",
        help="a finops price file (JSON) or a LiteLLM price map; may be given more than once,"
        " later files win",
    )


def reading_of(args: argparse.Namespace, more_data: Sequence[str] = ()) -> Reading:
    """Return how a command with these arguments reads its data.

    `more_data` are paths that were given as words of their own.  Raises UsageError for a value
    that does not fit, DataError for a price file that is none.
    """
    flags = _flags(args, more_data)
    data = flags.data or (_absolute(config.Settings.resolve(port=0).data),)
    file = flags.config or _absolute(config_file.beside(data[0]))
    configured = config_file.read_config(file) if file else ConfigFile()
    options_of(configured.choices, f"{os.path.basename(file)}: ")
    options_of(flags)
    together = flags.over(configured.choices)
    return Reading(
        flags,
        flags._replace(data=data, config=file),
        options_of(together)._replace(tier_prices=_plain(configured.tier_prices)),
        prices_of(together.prices),
        configured.limits,
        configured.tier_prices,
        configured.budgets,
        configured.billing_account,
    )


def prices_of(paths: Sequence[str]) -> PriceTable:
    """Return the prices of files, of which the later ones win, else the built-in ones.

    Raises DataError where one is not a price table.
    """
    if paths:
        from finops.business.prices import load_prices

        return load_prices(paths[0] if len(paths) == 1 else list(paths))
    from finops.business.catalog import DEFAULT_PRICES

    return DEFAULT_PRICES


def options_of(choices: ReadingChoices, where: str = "") -> ReadingOptions:
    """Return what the choices mean.  Raises UsageError, its text beginning with `where`."""
    try:
        zone = zone_of(choices.timezone or UTC)
        zone_of(choices.input_timezone or UTC)
        options = ReadingOptions(
            columns=_columns(choices.columns),
            timezone=choices.timezone or UTC,
            input_timezone=choices.input_timezone or UTC,
            since=first_moment(choices.since, zone) if choices.since else "",
            until=moment_after(choices.until, zone) if choices.until else "",
            rates=_rates(choices.rates),
        )
    except ValueError as error:
        raise UsageError(f"{where}{error}") from None
    if options.since and options.until and options.since >= options.until:
        raise UsageError(
            f"{where}no time is since {choices.since} and until {choices.until};"
            " give --since before --until"
        )
    return options


def _flags(args: argparse.Namespace, more_data: Sequence[str]) -> ReadingChoices:
    """Return what the flags say; paths become absolute."""
    return ReadingChoices(
        data=tuple(map(_absolute, (*more_data, *(getattr(args, "data", None) or ())))),
        columns=tuple(word for words in args.map or () for word in _NEXT_FIELD.split(words)),
        prices=tuple(map(_absolute, args.prices or ())),
        timezone=args.timezone or "",
        input_timezone=args.input_timezone or "",
        since=args.since or "",
        until=args.until or "",
        rates=tuple(args.rate or ()),
        config=_absolute(args.config) if args.config else "",
        events=_absolute(getattr(args, "events", None) or ""),
    )


def _absolute(path: str) -> str:
    return path if path in ("", STANDARD_INPUT) or is_elsewhere(path) else os.path.abspath(path)


def _columns(given: Sequence[str]) -> Pairs:
    """Return (field, column) of `FIELD=COLUMN` words."""
    columns: Dict[str, str] = {}
    for word in given:
        field, equals, column = (part.strip() for part in word.partition("="))
        field = field.lower()
        if not equals or not column:
            raise ValueError(f"{word[:40]!r} maps no column; write --map cost_usd=Cost")
        if field not in schema.COLUMN_NAMES:
            near = nearest(field, schema.COLUMN_NAMES)
            raise ValueError(f"a call record has no field {field[:40]!r}{near}")
        if columns.setdefault(field, column) != column:
            raise ValueError(f"--map gives {field} two columns, {columns[field]} and {column}")
    return tuple(columns.items())


def _rates(given: Sequence[str]) -> Pairs:
    rates: Dict[str, str] = {}
    for word in given:
        currency, _, rate = (part.strip() for part in word.partition("="))
        currency = currency.upper()
        if not _CURRENCY(currency) or not _RATE(rate) or not Decimal(rate):
            raise ValueError(f"{word[:40]!r} is no exchange rate; write --rate EUR=1.08")
        if currency == "USD" and Decimal(rate) != 1:
            raise ValueError("amounts in USD need no rate")
        if Decimal(rates.setdefault(currency, rate)) != Decimal(rate):
            raise ValueError(f"--rate gives {currency} two rates, {rates[currency]} and {rate}")
    return tuple(rates.items())


def _plain(prices: Mapping[str, float]) -> Pairs:
    return tuple((tier, repr(price)) for tier, price in prices.items())
