"""The slow, plain twin of the scan: rows in, declared tables out, one row and table at a time.

It is the oracle of the fast path, and it lets a test of an analyzer start from rows.  It
shares the definitions of `rollup` (names, types) and nothing else with the product.
"""

from __future__ import annotations

import csv
from array import array
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.rollups.spec import (
    Accounting,
    Customer,
    FileInfo,
    Period,
    Rollups,
    Table,
    Totals,
    in_key_order,
)

PICO_DOLLAR = Decimal("1e-12")  # the finest amount of money; halves of it round up
FORM = "%Y-%m-%dT%H:%M:%S.%f"
DEFAULT_ROW: Dict[str, str] = {
    "timestamp": "2025-01-01T09:30:00.000000",
    "call_id": "call_00000001",
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": "500",
    "output_tokens": "300",
    "cost_usd": "0.004250",
    "latency_ms": "400",
    "customer_id": "cust_0001",
    "subscription_tier": "pro",
    "organization_id": "org_001",
    "product_id": "product_a",
    "feature_id": "chat",
    "task_type": "chat",
    "environment": "production",
    "request_id": "req_1",
    "trace_id": "trace_1",
    "user_agent": "web_app_v1.2",
    "session_id": "sess_1",
    "total_tokens": "800",
    "region": "us-east",
    "status": "success",
    "error_type": "",
    "customer_archetype": "power",
    "tier_price_usd": "199.0",
}


def call(**changes: Any) -> Dict[str, str]:
    """Return one complete CSV row as text, with the given columns changed.

    Total tokens follow the given tokens; nothing else follows anything.
    """
    row = {**DEFAULT_ROW, **{name: str(value) for name, value in changes.items()}}
    if "total_tokens" not in changes:
        row["total_tokens"] = str(int(row["input_tokens"]) + int(row["output_tokens"]))
    return row


class PlainDataset:
    """Clean rows (dicts of text by column name) as something analyzers can be run on."""

    def __init__(
        self, rows: Iterable[Mapping[str, str]], prices: PriceTable = DEFAULT_PRICES
    ) -> None:
        self.prices = prices
        self.calls = sorted((self._typed(row) for row in rows), key=_place)

    @classmethod
    def of_file(cls, path: Any, prices: PriceTable = DEFAULT_PRICES) -> PlainDataset:
        """Read a clean CSV with header."""
        with open(str(path), encoding="utf-8", newline="") as lines:
            return cls(list(csv.DictReader(lines)), prices)

    def fill(self, tables: Iterable[Table]) -> None:
        """Nothing is done ahead."""

    def forget(self, tables: Iterable[Table]) -> None:
        """Nothing is kept."""

    def truth(self) -> Optional[Dict[str, Any]]:
        """Nothing was planted that is known of."""
        return None

    def rollups(self, tables: Sequence[Table]) -> Rollups:
        """Fill the declared tables."""
        filled = {table: self._fill(table) for table in tables}
        totals = self._fill(
            Table((), ("calls", "cost", "input_tokens", "output_tokens", "errors", "unpriced"))
        )
        times = [c["timestamp"] for c in self.calls]
        return Rollups(
            filled,
            Period(times[0], times[-1]) if times else Period(),
            Totals(*totals[()]) if totals else Totals(),
            self._customers(),
            Accounting(lines=len(times) + 1, header=1, used=len(times)),
            FileInfo("plain.csv", 1000 * len(times)),
            self.prices,
        )

    def _typed(self, row: Mapping[str, str]) -> Dict[str, Any]:
        typed: Dict[str, Any] = {
            name: row.get(name) or config.UNKNOWN
            for name in DEFAULT_ROW
            if name not in ("error_type", "status", "cost_usd", "tier_price_usd")
        }
        moment = datetime.fromisoformat(row["timestamp"])
        typed["timestamp"] = moment.strftime(FORM)
        typed["provider"] = config.PROVIDER_ALIASES.get(row["provider"], row["provider"])
        typed["status"] = row.get("status") or "success"
        typed["error_type"] = row.get("error_type") or (
            config.UNKNOWN if typed["status"] == "error" else ""
        )
        typed["input_tokens"], typed["output_tokens"] = (
            int(row["input_tokens"]),
            int(row["output_tokens"]),
        )
        typed["tokens"] = typed["input_tokens"] + typed["output_tokens"]
        typed["latency_ms"] = int(row.get("latency_ms") or 0)
        typed["price"] = self._price(row)
        typed["tier_price_usd"] = typed["price"]
        self._add_cost(typed, row)
        self._add_derived(typed, moment)
        return typed

    @staticmethod
    def _price(row: Mapping[str, str]) -> Optional[float]:
        given = row.get("tier_price_usd")
        return float(given) if given else config.tier_price(row.get("subscription_tier") or "")

    def _add_cost(self, typed: Dict[str, Any], row: Mapping[str, str]) -> None:
        model = self.prices.find(typed["provider"], typed["model"])
        typed["unpriced"] = 0
        if row.get("cost_usd"):
            typed["cost"] = Decimal(row["cost_usd"])
        elif model is None:
            typed["cost"], typed["unpriced"] = Decimal(0), 1
        else:
            tokens = (typed["input_tokens"], typed["output_tokens"])
            prices = (Decimal(repr(model.input_price)), Decimal(repr(model.output_price)))
            typed["cost"] = sum((t * p / 1000 for t, p in zip(tokens, prices)), Decimal(0))
        typed["cost"] = typed["cost"].quantize(PICO_DOLLAR, ROUND_HALF_UP)

    @staticmethod
    def _add_derived(typed: Dict[str, Any], moment: datetime) -> None:
        failed = typed["status"] == "error"
        year, week, _ = moment.isocalendar()
        typed.update(
            calls=1,
            hour=moment.strftime("%Y-%m-%dT%H:00:00"),
            day=moment.strftime("%Y-%m-%d"),
            week=f"{year:04d}-W{week:02d}",
            hour_of_day=moment.hour,
            errors=int(failed),
            sla_violations=int(typed["latency_ms"] > config.SLA_THRESHOLD_MS),
            rate_limits=int(failed and typed["error_type"] == "rate_limit"),
            free_failure=failed and not typed["cost"] and not typed["unpriced"],
            downgradable=typed["task_type"] in config.DOWNGRADABLE_TASKS,
            token_band=typed["tokens"] // config.TOKEN_BAND_WIDTH * config.TOKEN_BAND_WIDTH,
        )

    def _fill(self, table: Table) -> Dict[Tuple[Any, ...], Tuple[Any, ...]]:
        table.check()
        if "region_changes" in table.measures:
            return self._region_changes(table)
        groups: Dict[Tuple[Any, ...], List[Dict[str, Any]]] = {}
        for one in self.calls:
            if _passes(one, table.where):
                groups.setdefault(tuple(one[d] for d in table.by), []).append(one)
        filled = {
            key: tuple(_measure(m, calls) for m in table.measures) for key, calls in groups.items()
        }
        return _delivered(table, in_key_order(filled))

    def _region_changes(self, table: Table) -> Dict[Tuple[Any, ...], Tuple[Any, ...]]:
        latest: Dict[str, Dict[str, Any]] = {}
        found: Dict[Tuple[Any, ...], List[Any]] = {}
        for one in self.calls:
            before = latest.get(one["customer_id"])
            latest[one["customer_id"]] = one
            if before is None or before["region"] == one["region"]:
                continue
            gap = _gap(before, one)
            if gap < 3600:
                cell = found.setdefault((one["customer_id"], one["day"]), [0, set(), gap])
                cell[0] += 1
                cell[1] |= {before["region"], one["region"]}
                cell[2] = min(cell[2], gap)
        named = ("region_changes", "changed_regions", "shortest_change_s")
        return in_key_order(
            {
                key: tuple(
                    dict(zip(named, (n, tuple(sorted(regions)), gap)))[m] for m in table.measures
                )
                for key, (n, regions, gap) in found.items()
            }
        )

    def _customers(self) -> Dict[str, Customer]:
        found: Dict[str, Customer] = {}
        for one in self.calls:
            name = one["customer_id"]
            first = found[name].first_seen if name in found else one["timestamp"]
            found[name] = Customer(
                one["subscription_tier"],
                one["price"],
                one["organization_id"],
                one["product_id"],
                one["customer_archetype"],
                first,
                one["timestamp"],
            )
        return dict(sorted(found.items()))


def _delivered(
    table: Table, filled: Dict[Tuple[Any, ...], Tuple[Any, ...]]
) -> Dict[Tuple[Any, ...], Tuple[Any, ...]]:
    if table.having:
        place = table.measures.index(table.having)
        filled = {key: values for key, values in filled.items() if values[place] != 0}
    if table.top:
        place = table.measures.index(table.top)
        leaders: Dict[Any, Tuple[Any, ...]] = {}
        for key, values in filled.items():  # ascending, so the first of equals stays
            if key[0] not in leaders or values[place] > filled[leaders[key[0]]][place]:
                leaders[key[0]] = key
        filled = {key: filled[key] for key in filled if leaders[key[0]] == key}
    return filled


def _place(one: Mapping[str, Any]) -> Tuple[Any, ...]:
    """Return what calls are ordered by: those of one instant by region, then customer columns."""
    customer = (
        one["customer_id"],
        one["subscription_tier"],
        one["organization_id"],
        one["product_id"],
        one["customer_archetype"],
        (one["price"] is not None, one["price"] or 0.0),
    )
    return (one["timestamp"], one["region"], customer)


def _gap(before: Dict[str, Any], after: Dict[str, Any]) -> float:
    first, second = (datetime.strptime(c["timestamp"], FORM) for c in (before, after))
    return (second - first).total_seconds()


def _passes(one: Mapping[str, Any], where: str) -> bool:
    if not where:
        return True
    if one["status"] != "success":
        return False
    if where == "simple_task":
        return bool(one["tokens"] < config.SIMPLE_TASK_MAX_TOKENS)
    long = one["input_tokens"] > config.INEFFICIENT_PROMPT_MIN_INPUT_TOKENS
    limit = Decimal(str(config.INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO))
    return bool(long and one["output_tokens"] < one["input_tokens"] * limit)


def _measure(name: str, calls: List[Dict[str, Any]]) -> Any:
    if name == "latencies":
        return array("Q", sorted(one["latency_ms"] for one in calls))
    if name == "latency":
        histogram: Dict[int, int] = {}
        for one in calls:
            histogram[one["latency_ms"]] = histogram.get(one["latency_ms"], 0) + 1
        return histogram
    total = sum(one[name] for one in calls)
    return float(total) if name == "cost" else total
