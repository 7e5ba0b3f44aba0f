"""An application that meters its calls with Revenium's own SDK, from several threads.

Usage: sdk_application.py client|middleware THREADS CALLS
Addresses and keys come from the variables of the SDK and of the provider's client.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any, Callable

MODEL = "gpt-4o-2024-08-06"


def with_the_client(threads: int, calls: int) -> None:
    """Record calls through the client that the SDK builds from the environment.

    The last call of each thread is sent three times more: under the same id, with the same
    key, and as another one under the same key, which is refused.
    """
    from revenium_middleware import initialize_metering
    from revenium_middleware._core.metering import get_client

    refused: Any = importlib.import_module("revenium_middleware._metering").ConflictError
    assert initialize_metering(), "metering is off"
    client = get_client()

    def work(thread: int) -> None:
        for number in range(calls):
            record(thread, number, f"sdk-{thread}-{number}", f"key-{thread}-{number}")
        record(thread, calls - 1, f"sdk-{thread}-{calls - 1}", f"key-{thread}-again")
        record(thread, calls - 1, f"sdk-{thread}-{calls - 1}", f"key-{thread}-{calls - 1}")
        try:
            record(thread, calls - 1, f"sdk-{thread}-again", f"key-{thread}-{calls - 1}")
        except refused:
            return
        raise AssertionError("one key was taken for two calls")

    def record(thread: int, number: int, name: str, key: str) -> None:
        resource = client.ai.create_completion(
            completion_start_time="2025-03-01T10:00:01Z",
            cost_type="AI",
            input_token_count=100 + number,
            is_streamed=False,
            model=MODEL,
            output_token_count=50,
            provider="OPENAI",
            request_duration=700,
            request_time="2025-03-01T10:00:00Z",
            response_time="2025-03-01T10:00:01Z",
            stop_reason="ERROR" if number % 10 == 9 else "END",
            total_token_count=150 + number,
            transaction_id=name,
            subscriber={"id": f"cust_{thread:04d}", "email": "ann@example.com"},
            organization_name="org_001",
            product_name="product_a",
            subscription_tier="pro",
            task_type="chat",
            trace_id=f"trace-{thread}",
            environment="production",
            region="us-east",
            middleware_source="PYTHON",
            input_messages='[{"role": "user", "content": "Grüße \\ud83d\\ude00"}]',
            extra_headers={"Idempotency-Key": key},
        )
        assert resource.label == "metered-event", resource

    in_threads(threads, work)


def with_the_middleware(threads: int, calls: int) -> None:
    """Call the provider as any application would; the middleware meters it unasked."""
    import openai
    import revenium_middleware.openai  # noqa: F401
    from revenium_middleware import flush_metering, get_metering_status

    provider: Any = openai.OpenAI()

    def work(thread: int) -> None:
        for number in range(calls):
            answer = provider.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": f"question {thread} {number}"}],
                usage_metadata={
                    "subscriber": {"id": f"cust_{thread:04d}"},
                    "organization_name": "org_002",
                    "product_name": "product_b",
                    "task_type": "summary",
                    "trace_id": f"trace-{thread}",
                    "environment": "staging",
                },
            )
            assert answer.choices[0].message.content == "answer"

    in_threads(threads, work)
    assert flush_metering(60) == 0, get_metering_status()


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work` with each number below `count`, and raise what any of them raised."""
    failures = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    kinds = {"client": with_the_client, "middleware": with_the_middleware}
    kinds[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))
