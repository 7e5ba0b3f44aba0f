"""What calls cost: usage, the price table, and a user's own tables read from files.

A file is ours or LiteLLM's price map.  Which of the two it is, and so the unit, follows from the
structure, never from how large the numbers are.  Ours is an object with a list `models` in USD
per 1,000 tokens:

    {"source": "our contract", "date": "2026-08", "models": [
        {"provider": "openai", "model": "gpt-4o", "from": "2026-08-01", "input_per_1k": 0.002,
         "output_per_1k": 0.008, "cache_read_per_1k": 0.001, "class": "standard"}]}

LiteLLM's is an object by model name with `input_cost_per_token` and `output_cost_per_token` in
USD per single token.  A price of 0 is a price; a missing one is not known.  The class (frontier,
standard, economy) may be left out: a model of the catalogue's keeps its own, any other is in
none and no analysis offers it as an alternative.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, Dict, List, Sequence, Tuple, Union

from finops import config
from finops.business import litellm_map, price_values, rates
from finops.business.catalog import CLASSES, DEFAULT_PRICES
from finops.business.price_table import Entry, PriceTable
from finops.business.price_values import shown
from finops.business.usage import Usage
from finops.errors import DataError
from finops.regular_files import open_regular

__all__ = ["PriceTable", "Usage", "load_prices", "parse_prices"]

Source = Union[str, Path]
_MAX_BYTES = 64 * config.MEGABYTE
_PER_1K = 1000
# Prices in a file of ours, and what look-ups call them.
OWN_PRICES: Tuple[Tuple[str, str], ...] = (
    ("input_per_1k", rates.INPUT),
    ("output_per_1k", rates.OUTPUT),
    ("cache_read_per_1k", rates.CACHE_READ),
    ("cache_write_per_1k", rates.CACHE_WRITE),
    ("cache_write_1h_per_1k", rates.CACHE_WRITE_1H),
    ("reasoning_per_1k", rates.REASONING),
    ("per_web_search", rates.WEB_SEARCH),
)


def load_prices(paths: Union[Source, Sequence[Source]]) -> PriceTable:
    """Return the prices of a file, or of several, of which a later one wins.

    Raises DataError where one cannot be read, is neither of the two formats, or holds a price
    that is not a number from 0 up.
    """
    several = [paths] if isinstance(paths, (str, Path)) else list(paths)
    if not several:
        raise DataError("no price file is given")
    table = _load(several[0])
    for path in several[1:]:
        table = _load(path).over(table)
    return table


def _load(path: Source) -> PriceTable:
    try:
        with open_regular(path) as file:
            raw = file.read(_MAX_BYTES + 1)
            date = _file_date(file)
    except OSError as error:
        raise DataError(f"cannot read the price file {path}: {error.strerror}") from None
    return parse_prices(raw, os.path.basename(os.fspath(path)), date)


def parse_prices(raw: bytes, name: str, date: str) -> PriceTable:
    """Return the prices in the bytes of a file called `name`.

    `date` is that of the prices where the file does not say.  Raises DataError as `load_prices`.
    """
    content = _object(raw, name)
    if isinstance(content.get("models"), list):
        entries = [_own(entry, name, n) for n, entry in enumerate(content["models"], 1)]
        given = shown(content.get("date") or date)
        return _table(entries, shown(content.get("source") or name), given, name)
    return _table(litellm_map.entries_of(content, name), f"LiteLLM price map {name}", date, name)


def _object(raw: bytes, name: str) -> Dict[str, Any]:
    try:
        content = json.loads(raw[:_MAX_BYTES].decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise DataError(
            f"{name} is not JSON; give a price table as 'analyze --help' says"
        ) from None
    if not isinstance(content, dict):
        raise DataError(f"{name} holds no price table: an object is expected at the top")
    return content


def _table(entries: List[Entry], source: str, date: str, name: str) -> PriceTable:
    if not any(entry.prices for entry in entries):
        raise DataError(f"{name} holds no price of any model")
    return PriceTable((), source, date, entries)


def _own(entry: Any, name: str, number: int) -> Entry:
    where = f"{name}: model {number}"
    if not isinstance(entry, dict):
        raise DataError(f"{where} is not an object")
    for key in ("provider", "model"):
        if not price_values.is_name(entry.get(key)):
            raise DataError(f"{where} has no {key}")
    capability = entry.get("class")
    if capability is not None and capability not in CLASSES:
        raise DataError(f"{where}: class must be one of {', '.join(CLASSES)}")
    since = entry.get("from") or ""
    if since and not price_values.is_day(since):
        raise DataError(f"{where}: from is not a day such as 2026-08-01")
    if entry.get("input_per_1k") is None:
        raise DataError(f"{where} has no input_per_1k")
    prices = tuple(
        (theirs, price_values.price(entry[ours], where, ours))
        for ours, theirs in OWN_PRICES
        if entry.get(ours) is not None
    )
    known = DEFAULT_PRICES.find(entry["provider"], entry["model"])
    speed = 1.0 if known is None else known.speed
    capability = capability or ("" if known is None else known.capability)
    return Entry(entry["model"], entry["provider"], since, _PER_1K, prices, capability, speed)


def _file_date(file: BinaryIO) -> str:
    """Return the day a file was changed, "" where its time is beyond the calendar."""
    try:
        changed = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, timezone.utc)
    except (ValueError, OverflowError):
        return ""
    return changed.strftime("%Y-%m-%d")
