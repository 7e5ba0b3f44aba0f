"""An application that meters its calls with Revenium's own SDK, from several threads.

Usage: sdk_application.py THREADS CALLS; address and key come from the SDK's variables.
"""

from __future__ import annotations

import sys
import threading
from typing import List


def main(threads: int, calls: int) -> int:
    """Record calls through the client that the SDK builds from the environment."""
    from revenium_middleware import initialize_metering
    from revenium_middleware._core.metering import get_client

    assert initialize_metering(), "metering is off"
    client = get_client()
    labels: List[str] = []

    def work(thread: int) -> None:
        for number in range(calls):
            resource = client.ai.create_completion(
                completion_start_time="2025-03-01T10:00:01Z",
                cost_type="AI",
                input_token_count=100 + number,
                is_streamed=False,
                model="gpt-4o-2024-08-06",
                output_token_count=50,
                provider="OPENAI",
                request_duration=700,
                request_time="2025-03-01T10:00:00Z",
                response_time="2025-03-01T10:00:01Z",
                stop_reason="ERROR" if number % 10 == 9 else "END",
                total_token_count=150 + number,
                transaction_id=f"sdk-{thread}-{number}",
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
            )
            assert resource.id, resource
            labels.append(resource.label)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(len(labels), sorted(set(labels)))
    return 0 if len(labels) == threads * calls else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
