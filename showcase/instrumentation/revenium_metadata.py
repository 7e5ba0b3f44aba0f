"""Metadata propagation: set the business context once, find it on every call below.

A context holds the hierarchy organization → product → customer → feature and whatever
enrichers add (request id, trace id, environment).  It lives in a context variable: asyncio
tasks inherit it by themselves, threads through `ContextThreadPool`.  Inner levels add to the
outer ones and end with their `with` block, so nothing leaks into a neighbour's call.

Use case: services in which an AI call is made far below the code that knows the customer.
Pattern: context variables, nested scopes, enrichment, validation before sending.
Performance: entering a scope and reading the context take microseconds; the demonstration
measures both.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from _client import DeliveryError, EventClient
from _collector import Endpoint, endpoint
from _console import benefits, note, require, results, run, step, title
from _event import AICallEvent
from _sample import cost

HIERARCHY: Tuple[str, ...] = ("organization_id", "product_id", "customer_id", "feature_id")
REQUIRED: Tuple[str, ...] = (*HIERARCHY, "subscription_tier", "environment", "task_type")
EMPTY: Mapping[str, str] = {}
Enricher = Callable[[Mapping[str, str]], Mapping[str, str]]

_current: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("revenium_metadata")


class MetadataError(ValueError):
    """A call's context is incomplete or contradicts its hierarchy."""


def current_metadata() -> Dict[str, str]:
    """Return a copy of the metadata in force here."""
    return dict(_current.get(EMPTY))


@contextmanager
def metadata_scope(**fields: str) -> Iterator[Dict[str, str]]:
    """Add fields for the calls inside the block, in this task or thread and those it starts.

    A level of the hierarchy may be set under its parents only, and once: a block cannot move
    to another customer while it works for the first.  Raises MetadataError.
    """
    outer = _current.get(EMPTY)
    _check_hierarchy(outer, fields)
    merged = {**outer, **fields}
    token = _current.set(merged)
    try:
        yield dict(merged)
    finally:
        _current.reset(token)


def _check_hierarchy(outer: Mapping[str, str], fields: Mapping[str, str]) -> None:
    """Raise MetadataError where a level changes or lacks a parent."""
    merged = {**outer, **fields}
    for depth, level in enumerate(HIERARCHY):
        if level in fields and outer.get(level, fields[level]) != fields[level]:
            raise MetadataError(f"{level} is already {outer[level]}; leave that scope first")
        missing = [parent for parent in HIERARCHY[:depth] if parent not in merged]
        if level in fields and missing:
            raise MetadataError(f"{level} needs {missing[0]} around it")


def validate(metadata: Mapping[str, str]) -> List[str]:
    """Return the required fields that are missing or empty, in a stable order."""
    return [name for name in REQUIRED if not str(metadata.get(name, "")).strip()]


class ContextThreadPool(ThreadPoolExecutor):
    """A thread pool whose jobs see the submitter's metadata; a plain pool's jobs do not."""

    def submit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:  # type: ignore[override]
        """Run `fn` in a copy of the caller's context."""
        context = contextvars.copy_context()
        return super().submit(context.run, fn, *args, **kwargs)


class MetadataTracker:
    """Collect calls with the context in force, enriched and validated, and send them.

    `enrichers` run in order; each returns fields to add and never overrides what is set.
    """

    def __init__(self, client: EventClient, enrichers: Sequence[Enricher] = ()) -> None:
        self._client = client
        self._enrichers = tuple(enrichers)
        self.events: List[AICallEvent] = []

    def track(self, provider: str, model: str, tokens_in: int, tokens_out: int) -> AICallEvent:
        """Record one call in the current context.  Raises MetadataError if that is incomplete."""
        metadata = current_metadata()
        for enrich in self._enrichers:
            metadata = {**enrich(metadata), **metadata}
        missing = validate(metadata)
        if missing:
            raise MetadataError(f"missing {', '.join(missing)}; open the scope that sets it")
        price = cost(provider, model, tokens_in, tokens_out)
        latency_ms = 100 + (tokens_in + tokens_out) // 10
        event = AICallEvent.create(
            provider, model, tokens_in, tokens_out, price, latency_ms, metadata
        )
        self.events.append(event)
        return event

    def flush(self) -> int:
        """Send what was recorded; return how many events the endpoint took.

        Raises DeliveryError.  Events stay recorded until they are confirmed.
        """
        taken = 0
        while self.events:
            batch = self.events[:1000]
            answer = self._client.send([event.to_record() for event in batch])
            taken += len(batch) - len(answer.rejected)
            del self.events[: len(batch)]
        return taken


def add_environment(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Enricher: where this process runs."""
    return {"environment": "production", "region": "us-east"}


def add_request_id(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Enricher: a fresh request id for every call."""
    return {"request_id": f"req_{uuid.uuid4().hex[:12]}"}


# --- demonstration -------------------------------------------------------------------------------


class Expected(NamedTuple):
    """What the workflow knows about an event, independent of the context variable."""

    call_id: str
    fields: Dict[str, str]


async def _answer_question(
    tracker: MetadataTracker, pool: ContextThreadPool, expected: Dict[str, str]
) -> List[Expected]:
    """One feature's work: a call in this task, one in a child task, one in a thread."""
    seen: List[Expected] = []

    def call(task_type: str) -> None:
        with metadata_scope(task_type=task_type):
            event = tracker.track("openai", "gpt-4o-mini", 400, 120)
        seen.append(Expected(event.call_id, {**expected, "task_type": task_type}))

    async def child() -> None:
        await asyncio.sleep(0.001)
        call("summarization")

    call("chat")
    await asyncio.gather(
        child(), asyncio.get_running_loop().run_in_executor(pool, call, "extraction")
    )
    return seen


async def _serve_customer(
    number: int, tracker: MetadataTracker, pool: ContextThreadPool
) -> List[Expected]:
    """One customer's request: two features at the same time inside one trace."""
    tier = ("starter", "pro", "enterprise")[number % 3]
    fields = {
        "organization_id": f"org_{number % 7:03d}",
        "product_id": f"product_{'abc'[number % 3]}",
        "customer_id": f"cust_{number:04d}",
        "subscription_tier": tier,
        "trace_id": f"trace_{number:06d}",
    }

    async def use(feature: str) -> List[Expected]:
        with metadata_scope(feature_id=feature):
            await asyncio.sleep(0)
            return await _answer_question(tracker, pool, {**fields, "feature_id": feature})

    with metadata_scope(**fields):
        first, second = await asyncio.gather(use("chat"), use("analysis"))
    return first + second


async def _workflow(tracker: MetadataTracker, customers: int) -> List[Expected]:
    """Serve many customers at once; return what each event should carry."""
    with ContextThreadPool(max_workers=8) as pool:
        served = await asyncio.gather(
            *(_serve_customer(number, tracker, pool) for number in range(customers))
        )
    return [answer for group in served for answer in group]


def _complete(events: Mapping[str, Mapping[str, Any]], expected: Sequence[Expected]) -> int:
    """Count the expected events that arrived with exactly their own context, and all of it."""
    count = 0
    for call_id, fields in expected:
        event = events.get(call_id, {})
        own = all(event.get(name) == value for name, value in fields.items())
        count += own and not validate(event) and str(event.get("request_id", ""))[:4] == "req_"
    return count


def _show_rules(tracker: MetadataTracker) -> None:
    """Show what validation and the hierarchy refuse, and that a plain pool loses the context."""
    with metadata_scope(organization_id="org_001", product_id="product_a"):
        for fields in ({"feature_id": "chat"}, {"organization_id": "org_002"}):
            try:
                with metadata_scope(**fields):
                    pass
            except MetadataError as error:
                note(f"Refused: {error}")
        try:
            tracker.track("openai", "gpt-4o-mini", 10, 10)
        except MetadataError as error:
            note(f"Refused: {error}")
        with ThreadPoolExecutor(1) as plain, ContextThreadPool(1) as carrying:
            lost = plain.submit(current_metadata).result()
            kept = carrying.submit(current_metadata).result()
    require(not lost and len(kept) == 2, f"plain thread sees {len(lost)} fields, ours {len(kept)}")


def _scope_cost_us(rounds: int = 10_000) -> float:
    """Return the mean microseconds to enter a scope, read the context and leave."""
    begin = time.perf_counter()
    for _ in range(rounds):
        with metadata_scope(organization_id="org_001"):
            current_metadata()
    return (time.perf_counter() - begin) / rounds * 1e6


async def _send_and_count(target: Endpoint, customers: int) -> Tuple[int, int]:
    """Run the workflow, deliver its events; return (expected, complete)."""
    client = EventClient(target.api_key, target.base_url)
    tracker = MetadataTracker(client, (add_environment, add_request_id))
    expected = await _workflow(tracker, customers)
    events = {event.call_id: event.to_record() for event in tracker.events}
    taken = await asyncio.get_running_loop().run_in_executor(None, tracker.flush)
    require(taken == len(expected), f"{taken} of {len(expected)} events confirmed")
    if target.collector is not None:
        events = target.collector.events
    client.close()
    return len(expected), _complete(events, expected)


async def demonstrate() -> Dict[str, float]:
    """Run a nested workflow and check every event's context; return the measured figures."""
    title("Revenium: metadata propagation")
    with endpoint() as target:
        step(1, "Show the rules of the hierarchy")
        _show_rules(MetadataTracker(EventClient(target.api_key, target.base_url)))

        step(2, "Serve 40 customers at once: tasks, child tasks and threads")
        note(f"Endpoint: {target.described}")
        expected, complete = await _send_and_count(target, customers=40)

        step(3, "Check the context of every event")
        require(complete == expected, f"{complete} of {expected} events carry their whole context")
        require(not current_metadata(), "no field is left over after the last scope")
    scope_us = _scope_cost_us()
    percent = 100 * complete / expected
    results(
        [
            ("Events", f"{expected:,}"),
            ("With complete and own context", f"{percent:.1f} %"),
            ("Required fields on each", f"{len(REQUIRED)}"),
            ("Enter, read, leave a scope", f"{scope_us:.1f} µs"),
        ]
    )
    benefits(
        [
            "The code that calls a model need not know who pays for it",
            "No call without an owner: it is refused where it is made",
            "Tasks and threads cannot mix up their customers",
        ]
    )
    return {"events": expected, "complete": complete, "percent": percent, "scope_us": scope_us}


if __name__ == "__main__":
    sys.exit(run(lambda: asyncio.run(demonstrate()), DeliveryError))
