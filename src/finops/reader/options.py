"""How a user wants data to be read, and the rules of one run that follow from it.

Options are plain data: they travel to worker processes, stand in the manifest, and decide
together with the bytes of a file what its figures are.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Tuple

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable

UTC = "UTC"
_EARLIEST = f"{config.PLAUSIBLE_FROM}T00:00:00.000000".encode("ascii")
_FIRST_USABLE = f"{config.USABLE_FROM}T00:00:00.000000".encode("ascii")
_LAST_USABLE = f"{config.USABLE_UNTIL}T00:00:00.000000".encode("ascii")
END_OF_TIME = b"9999-12-31T23:59:59.999999"
Pairs = Tuple[Tuple[str, str], ...]


class ReadingOptions(NamedTuple):
    """What a user may say about data, the same for every command that reads calls.

    `columns`: pairs of a field of the call record and the name of the column that holds it.
    `timezone`: of which days, weeks and hours are; `input_timezone`: of times that name none.
    Both are names such as Europe/Berlin or offsets such as +05:30.
    `since` and `until`: timestamps in UTC of the first moment that counts and of the first one
    after it that does not, "" for no limit.
    `rates`: pairs of a currency and what one unit of it costs in USD, as decimal text.
    `tier_prices`: pairs of a subscription tier and its price in USD a month, as decimal text,
    beside the built-in ones.
    """

    columns: Pairs = ()
    timezone: str = UTC
    input_timezone: str = UTC
    since: str = ""
    until: str = ""
    rates: Pairs = ()
    tier_prices: Pairs = ()

    def plain(self) -> Dict[str, object]:
        """Return the options as JSON has them."""
        return dict(self._asdict())

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> ReadingOptions:
        """Return the options that JSON made of some; raises LookupError, ValueError or TypeError
        where they are none.
        """
        return cls(
            columns=_pairs(plain["columns"]),
            timezone=str(plain["timezone"]),
            input_timezone=str(plain["input_timezone"]),
            since=str(plain["since"]),
            until=str(plain["until"]),
            rates=_pairs(plain["rates"]),
            tier_prices=_pairs(plain["tier_prices"]),
        )


class ReadingRules(NamedTuple):
    """All that decides how the rows of a file are read, the same for each part of it.

    `earliest` and `latest` are the first and the last canonical timestamp that are plausible;
    `implausible_used` says that other ones count all the same, within wider limits, and
    `all_checksums` that of every id a checksum is noted (see `identity`).
    """

    prices: PriceTable = DEFAULT_PRICES
    options: ReadingOptions = ReadingOptions()
    latest: bytes = END_OF_TIME
    earliest: bytes = _EARLIEST
    implausible_used: bool = False
    all_checksums: bool = False

    @property
    def used_times(self) -> Tuple[bytes, bytes]:
        """The first and the last timestamp that count."""
        if self.implausible_used:
            return min(self.earliest, _FIRST_USABLE), max(self.latest, _LAST_USABLE)
        return self.earliest, self.latest

    def plain(self) -> Dict[str, object]:
        """Return the rules as JSON has them."""
        return {
            "prices": self.prices.plain(),
            "options": self.options.plain(),
            "latest": self.latest.decode("ascii"),
            "earliest": self.earliest.decode("ascii"),
            "implausible_used": self.implausible_used,
            "all_checksums": self.all_checksums,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> ReadingRules:
        """Return the rules that JSON made of some."""
        prices = PriceTable.from_plain(plain["prices"])
        options = ReadingOptions.from_plain(plain["options"])
        return cls(
            prices,
            options,
            latest=str(plain["latest"]).encode("ascii"),
            earliest=str(plain["earliest"]).encode("ascii"),
            implausible_used=bool(plain["implausible_used"]),
            all_checksums=bool(plain["all_checksums"]),
        )


def _pairs(plain: Any) -> Pairs:
    return tuple((str(first), str(second)) for first, second in plain)
