"""Check the context of every event of a nested asynchronous workflow."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from _collector import Endpoint, endpoint
from _console import benefits, note, require, results, step, title
from revenium_metadata import (
    REQUIRED,
    ContextThreadPool,
    EventClient,
    MetadataError,
    MetadataTracker,
    add_environment,
    add_request_id,
    current_metadata,
    metadata_scope,
    validate,
)


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
