"""Codes for keys, and batches of calls as columns of small integers.

What follows from the customer and what describes the call are two joint keys, each a small
integer from a dictionary that grows as keys are met.  All that is folded later needs only
these codes, so texts are checked and normalised once per distinct key, not once per row.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, NamedTuple, Sequence, Tuple

from finops import config, schema
from finops.reader.fields import PICO, BadValueError, parse_money
from finops.reader.row_parser import FREE, UNPRICED, Call

# All sum measures of a call or a group in one integer, so that one addition adds them all and
# the order of rows does not matter.  The lanes are whole 32-bit words, which lets stored cells
# be taken apart by slicing.  Each lane holds far more than 2 GB of calls can fill.
WORD_BITS = 32
PACKED_FIELDS: Dict[str, Tuple[int, int]] = {  # measure: first word, number of words
    "cost": (0, 3),  # pico-dollars
    "calls": (3, 1),
    "input_tokens": (4, 2),
    "output_tokens": (6, 2),
    "latency_ms": (8, 2),
    "errors": (10, 1),
    "rate_limits": (11, 1),
    "unpriced": (12, 1),
    "sla_violations": (13, 1),
}
WORDS = 14
SHIFT: Dict[str, int] = {name: WORD_BITS * first for name, (first, _) in PACKED_FIELDS.items()}
MASK: Dict[str, int] = {
    name: (1 << WORD_BITS * words) - 1 for name, (_, words) in PACKED_FIELDS.items()
}

_REMEMBERED = 65_536

ONE_CALL = 1 << SHIFT["calls"]

# Normalised keys, in these orders.
CustomerKey = Tuple[str, str, str, str, str, Any]
CallKey = Tuple[Any, ...]


class Batch(NamedTuple):
    """Calls in time order as columns of equal length.

    `times` are canonical timestamps, `customers` and `calls` codes of an `KeyEncoder`, `sums` the
    packed measures of each call.
    """

    times: List[bytes]
    customers: List[int]
    calls: List[int]
    inputs: List[int]
    outputs: List[int]
    latencies: List[int]
    sums: List[int]


class Raw(NamedTuple):
    """Checked calls in file order as columns; `costs` in pico-dollars, the rest as in `Batch`."""

    times: List[bytes]
    customers: List[int]
    calls: List[int]
    inputs: List[int]
    outputs: List[int]
    costs: List[int]
    latencies: List[int]


def reordered(columns: Iterable[List[Any]], order: Sequence[int]) -> List[List[Any]]:
    """Return columns with their rows in the given order of places."""
    return [[column[k] for k in order] for column in columns]


class KeyEncoder:
    """The two dictionaries: raw key to code, code to normalised key.

    `customer_keys[code]` is (customer_id, tier, organization, product, archetype, price);
    `call_keys[code]` is `rollup.CALL_DIMENSIONS` in order, then whether it is unpriced.
    """

    def __init__(self) -> None:
        self.customer_codes: Dict[Tuple[bytes, ...], int] = _Codes(self._new_customer)
        self.call_codes: Dict[Tuple[Any, ...], int] = _Codes(self._new_call)
        self.customer_keys: List[CustomerKey] = []
        self.call_keys: List[CallKey] = []
        # What follows from a call's key: what it adds (the call, its error), whether it succeeded.
        self.call_sums: List[int] = []
        self.succeeded: List[bool] = []
        self._latency_sums = _LatencySums()
        self._known_customers: Dict[CustomerKey, int] = {}
        self._known_calls: Dict[CallKey, int] = {}

    def batch(self, raw: Raw) -> Batch:
        """Return calls as a batch in time order (ties stay in file order)."""
        times, customers, calls, inputs, outputs, costs, latencies = raw
        into, outof = SHIFT["input_tokens"], SHIFT["output_tokens"]
        by_key, late = self.call_sums, self._latency_sums
        sums = [
            cost + (i << into) + (o << outof) + late[ms] + by_key[call]
            for cost, i, o, ms, call in zip(costs, inputs, outputs, latencies, calls)
        ]
        batch = Batch(times, customers, calls, inputs, outputs, latencies, sums)
        if sorted(times) == times:
            return batch
        order = sorted(range(len(times)), key=times.__getitem__)
        return Batch(*reordered(batch, order))

    def raw_of(self, rows: Sequence[Call]) -> Raw:
        """Return single calls as columns."""
        return Raw(
            [r.time for r in rows],
            [self.customer_codes[r.customer] for r in rows],
            [self.call_codes[r.call_key] for r in rows],
            [r.input_tokens for r in rows],
            [r.output_tokens for r in rows],
            [r.cost for r in rows],
            [r.latency_ms for r in rows],
        )

    def add_customer(self, key: CustomerKey) -> int:
        """Return the code of a normalised customer key, new or known."""
        code = self._known_customers.get(key)
        if code is None:
            code = self._known_customers[key] = len(self.customer_keys)
            self.customer_keys.append(key)
        return code

    def add_call(self, key: CallKey) -> int:
        """Return the code of a normalised call key, new or known."""
        code = self._known_calls.get(key)
        if code is None:
            code = self._known_calls[key] = len(self.call_keys)
            self.call_keys.append(key)
            self.call_sums.append(_sums_of_key(key))
            self.succeeded.append(key[6] == schema.STATUS_SUCCESS)
        return code

    def _new_customer(self, raw: Tuple[bytes, ...]) -> int:
        if not raw[0]:
            raise BadValueError("empty customer_id")
        customer, tier, organization, product, archetype = (
            part.decode("utf-8") or config.UNKNOWN for part in raw[:5]
        )
        price = parse_money(raw[5], "tier_price_usd") / PICO if raw[5] else config.tier_price(tier)
        return self.add_customer((customer, tier, organization, product, archetype, price))

    def _new_call(self, raw: Tuple[Any, ...]) -> int:
        if not raw[0] or not raw[1]:
            raise BadValueError("empty provider or model")
        provider, model, feature, task, environment, region, status, error = (
            part.decode("utf-8") for part in raw[:8]
        )
        status = status or schema.STATUS_SUCCESS
        failed = status == schema.STATUS_ERROR
        return self.add_call(
            (
                config.PROVIDER_ALIASES.get(provider, provider),
                model,
                feature or config.UNKNOWN,
                task or config.UNKNOWN,
                environment or config.UNKNOWN,
                region or config.UNKNOWN,
                status,
                error or (config.UNKNOWN if failed else ""),
                task in config.DOWNGRADABLE_TASKS,
                failed and raw[8] == FREE,
                raw[8] == UNPRICED,
            )
        )


class _Codes(Dict[Any, int]):
    """A dict that makes the code of a key when it is first asked for."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, raw: Any) -> int:
        code: int = self._make(raw)
        self[raw] = code
        return code


class _LatencySums(Dict[int, int]):
    """What a latency in ms adds: itself, and whether it breaks the service level.

    Remembered, for most calls have one of a few thousand latencies, and forgotten when there
    are more, so that no data can make it large.
    """

    def __missing__(self, ms: int) -> int:
        if len(self) > _REMEMBERED:
            self.clear()
        late = int(ms > config.SLA_THRESHOLD_MS) << SHIFT["sla_violations"]
        found = self[ms] = (ms << SHIFT["latency_ms"]) + late
        return found


def _sums_of_key(key: CallKey) -> int:
    failed = key[6] == schema.STATUS_ERROR
    limited = failed and key[7] == schema.RATE_LIMIT
    return (
        ONE_CALL
        + (int(failed) << SHIFT["errors"])
        + (int(limited) << SHIFT["rate_limits"])
        + (int(key[10]) << SHIFT["unpriced"])
    )
