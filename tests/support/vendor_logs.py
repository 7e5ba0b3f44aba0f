"""The same usage as each vendor would write it.

A writer follows the documents of a format and knows nothing of how it is read.  `secret` stands
wherever prompts, answers and messages are.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence

from tests.support.imports import PRICE_MAP, json_lines

START = datetime(2026, 3, 1, 12)
UNIX_START = 1772366400


class Use(NamedTuple):
    """Tokens of a call, each in one class."""

    plain: int
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        """All tokens of the input."""
        return self.plain + self.cached + self.written

    @property
    def outputs(self) -> int:
        """All tokens of the output."""
        return self.output + self.reasoning


Write = Callable[[Sequence[Use], str], Dict[str, str]]


class Vendor(NamedTuple):
    """How a format is written, the model that it is written with, and what it can say.

    `knows`: the classes of tokens that the format has, besides plain input and output.
    `calls`: whether it says how many calls there were.  `splits`: whether each record can be in
    a file of its own.
    """

    write: Write
    model: str
    knows: Sequence[str] = ("cached", "written", "reasoning")
    calls: bool = True
    splits: bool = True


def cost_of_use(use: Use, model: str) -> Fraction:
    """Return what a call costs in USD, exactly."""
    prices = {
        name: Fraction(str(price))
        for name, price in PRICE_MAP[model].items()
        if "_per_token" in name or name.startswith("cache_")
    }
    plain, output = prices["input_cost_per_token"], prices["output_cost_per_token"]
    read = prices.get("cache_read_input_token_cost", plain)
    written = prices.get("cache_creation_input_token_cost", plain)
    return use.plain * plain + use.cached * read + use.written * written + use.outputs * output


def decimal_cost(use: Use, model: str) -> float:
    """Return the cost as a vendor records it."""
    return float(cost_of_use(use, model))


def moment(number: int) -> datetime:
    """Return when the call of this number began."""
    return START + timedelta(minutes=number)


def iso(number: int) -> str:
    """Return when the call of this number began, as ISO 8601."""
    return moment(number).isoformat(timespec="milliseconds") + "Z"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["x"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def claude_code(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write a session in which each answer was written twice, the first time unfinished."""
    lines: List[Dict[str, Any]] = [
        {"type": "user", "message": {"content": secret}, "usage": secret}
    ]
    for number, use in enumerate(uses):
        for output in (0, use.outputs):
            usage = {
                "input_tokens": use.plain,
                "cache_read_input_tokens": use.cached,
                "cache_creation_input_tokens": use.written,
                "output_tokens": output,
                "output_tokens_details": {"thinking_tokens": min(use.reasoning, output)},
            }
            message = {"id": f"m{number}", "model": "claude-a", "usage": usage, "content": secret}
            lines.append(
                {
                    "type": "assistant",
                    "sessionId": "s",
                    "cwd": "/home/ann/shop",
                    "timestamp": iso(number),
                    "requestId": f"r{number}",
                    "uuid": f"u{number}-{output}",
                    "message": message,
                    "toolUseResult": secret,
                }
            )
    return {"projects/shop/s.jsonl": json_lines(lines)}


def codex(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write a session with running totals, each written twice."""
    head = {"id": "s", "cwd": "/home/ann/api", "instructions": secret}
    lines: List[Dict[str, Any]] = [
        {"timestamp": iso(0), "type": "session_meta", "payload": head},
        {
            "timestamp": iso(0),
            "type": "turn_context",
            "payload": {"model": "gpt-a", "user_instructions": secret},
        },
        {"timestamp": iso(0), "type": "response_item", "payload": {"content": secret}},
    ]
    total = Use(0)
    for number, use in enumerate(uses):
        total = Use(*(a + b for a, b in zip(total, use)))
        counts = {
            "input_tokens": total.input,
            "cached_input_tokens": total.cached,
            "output_tokens": total.outputs,
            "reasoning_output_tokens": total.reasoning,
        }
        info = {"total_token_usage": counts, "last_token_usage": None}
        payload = {"type": "token_count", "info": info, "message": secret}
        event = {"timestamp": iso(number), "type": "event_msg", "payload": payload}
        lines += [event, event]
    return {"sessions/s.jsonl": json_lines(lines)}


def openai_usage(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write a page with a bucket for each call."""
    buckets = []
    for number, use in enumerate(uses):
        start = UNIX_START + number * 3600
        result = {
            "object": "organization.usage.completions.result",
            "input_tokens": use.input,
            "input_cached_tokens": use.cached,
            "input_text_tokens": use.plain,
            "output_tokens": use.outputs,
            "num_model_requests": 1,
            "model": "gpt-a",
            "batch": False,
            "project_id": "p",
        }
        times = {"start_time": start, "end_time": start + 3600}
        buckets.append({"object": "bucket", **times, "results": [result]})
    return {"page.json": json.dumps({"object": "page", "data": buckets}, indent=1)}


def anthropic_usage(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write a page with a bucket for each call."""
    buckets = []
    for number, use in enumerate(uses):
        result = {
            "uncached_input_tokens": use.plain,
            "cache_creation": {"ephemeral_5m_input_tokens": use.written},
            "cache_read_input_tokens": use.cached,
            "output_tokens": use.outputs,
            "model": "claude-a",
            "service_tier": "standard",
            "workspace_id": "w",
        }
        times = {"starting_at": iso(number), "ending_at": iso(number + 1)}
        buckets.append({**times, "results": [result]})
    return {"page.json": json.dumps({"data": buckets, "has_more": False})}


def litellm(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write spend logs with the proxy's own costs."""
    logs = []
    for number, use in enumerate(uses):
        usage = {
            "cache_read_input_tokens": use.cached,
            "cache_creation_input_tokens": use.written,
            "completion_tokens_details": {"reasoning_tokens": use.reasoning},
        }
        logs.append(
            {
                "request_id": f"r{number}",
                "startTime": iso(number),
                "endTime": iso(number),
                "model": "claude-a",
                "custom_llm_provider": "anthropic",
                "prompt_tokens": use.input,
                "completion_tokens": use.outputs,
                "spend": decimal_cost(use, "claude-a"),
                "status": "success",
                "session_id": "s",
                "end_user": "ann",
                "messages": [{"role": "user", "content": secret}],
                "response": {"content": secret},
                "proxy_server_request": {"body": secret},
                "metadata": {"usage_object": usage, "prompt": secret},
            }
        )
    return {"logs.jsonl": json_lines(logs)}


def openrouter(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write the activity CSV."""
    rows = [
        {
            "generation_id": f"gen-{number}",
            "created_at": moment(number).isoformat(sep=" "),
            "cost_total": f"{decimal_cost(use, 'gpt-a'):.12f}",
            "cost_cache": "-0.5",
            "byok_usage_inference": "0",
            "tokens_prompt": use.input,
            "tokens_completion": use.outputs,
            "tokens_reasoning": use.reasoning,
            "tokens_cached": use.cached,
            "model_permaslug": "openai/gpt-a",
            "provider_name": "OpenAI",
            "variant": "standard",
            "finish_reason_raw": secret,
        }
        for number, use in enumerate(uses)
    ]
    return {"activity.csv": table(rows)}


def langfuse(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write observations, each generation inside another that repeats its usage."""
    lines = []
    for number, use in enumerate(uses):
        details = {
            "input": use.plain,
            "cache_read_input_tokens": use.cached,
            "cache_creation_input_tokens": use.written,
            "output": use.output,
            "output_reasoning_tokens": use.reasoning,
            "total": use.input + use.outputs,
        }
        for identity, parent in ((f"outer{number}", None), (f"inner{number}", f"outer{number}")):
            lines.append(
                {
                    "id": identity,
                    "parentObservationId": parent,
                    "traceId": f"t{number}",
                    "type": "GENERATION",
                    "name": "chat",
                    "startTime": iso(number),
                    "model": "claude-a",
                    "usageDetails": details,
                    "costDetails": {},
                    "totalCost": 0,
                    "level": "DEFAULT",
                    "statusMessage": secret,
                    "input": secret,
                    "output": {"text": secret},
                    "metadata": secret,
                }
            )
    return {"observations.jsonl": json_lines(lines)}


def attributes(values: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """Return attributes as OTLP/JSON has them."""
    return [
        {
            "key": key,
            "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in values.items()
    ]


def otel(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write traces: an agent that repeats the usage of the model's call below a plain span."""
    lines = []
    for number, use in enumerate(uses):
        usage = {
            "gen_ai.usage.input_tokens": use.input,
            "gen_ai.usage.cache_read.input_tokens": use.cached,
            "gen_ai.usage.cache_creation.input_tokens": use.written,
            "gen_ai.usage.output_tokens": use.outputs,
            "gen_ai.usage.reasoning.output_tokens": use.reasoning,
            "gen_ai.provider.name": "anthropic",
            "gen_ai.response.model": "claude-a",
            "gen_ai.input.messages": secret,
            "gen_ai.output.messages": secret,
        }
        trace = base64.b64encode(number.to_bytes(16, "big")).decode()
        spans = []
        for place, (name, values) in enumerate(
            [("invoke_agent", usage), ("POST", {}), ("chat", usage)], 1
        ):
            span = {
                "traceId": trace,
                "spanId": f"{number:014x}{place:02x}",
                "name": f"{name} {secret}",
                "startTimeUnixNano": str((UNIX_START + 60 * number) * 10**9),
                "endTimeUnixNano": str((UNIX_START + 60 * number) * 10**9 + 10**6),
                "attributes": attributes({**values, "gen_ai.operation.name": name}),
                "events": [{"name": secret, "attributes": attributes({"content": secret})}],
                "status": {"message": secret},
            }
            if place > 1:
                span["parentSpanId"] = f"{number:014x}{place - 1:02x}"
            spans.append(span)
        lines.append({"resourceSpans": [{"scopeSpans": [{"spans": spans[::-1]}]}]})
    return {"traces.jsonl": json_lines(lines)}


def csv_file(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write a table with our names of columns."""
    rows = [
        {
            "timestamp": UNIX_START + 60 * number,
            "provider": "anthropic",
            "model": "claude-a",
            "input_tokens": use.input,
            "output_tokens": use.outputs,
            "cached_input_tokens": use.cached,
            "cache_write_tokens": use.written,
            "reasoning_tokens": use.reasoning,
            "prompt": secret,
        }
        for number, use in enumerate(uses)
    ]
    return {"calls.csv": table(rows)}


def bedrock(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write model invocation logs."""
    lines = [
        {
            "schemaType": "ModelInvocationLog",
            "timestamp": iso(number),
            "requestId": f"b{number}",
            "modelId": "us.anthropic.claude-a-v1:0",
            "input": {
                "inputTokenCount": use.plain,
                "cacheReadInputTokenCount": use.cached,
                "cacheWriteInputTokenCount": use.written,
                "inputBodyJson": {"messages": [{"content": secret}]},
            },
            "output": {
                "outputTokenCount": use.outputs,
                "outputBodyJson": {"output": secret, "metrics": {"latencyMs": 5}},
            },
        }
        for number, use in enumerate(uses)
    ]
    return {"log.jsonl": json_lines(lines)}


def gemini_cli(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write a chat in which each answer was rewritten once."""
    lines: List[Dict[str, Any]] = [{"sessionId": "s", "projectHash": "h", "startTime": iso(0)}]
    for number, use in enumerate(uses):
        for thoughts in (0, use.reasoning):
            tokens = {
                "input": use.input,
                "output": use.output,
                "cached": use.cached,
                "thoughts": thoughts,
                "tool": 0,
                "total": use.input + use.output + thoughts,
            }
            lines.append(
                {
                    "id": f"m{number}",
                    "timestamp": iso(number),
                    "type": "gemini",
                    "model": "gemini-a",
                    "tokens": tokens,
                    "content": secret,
                    "thoughts": [{"description": secret}],
                }
            )
    lines.append({"$set": {"title": secret}})
    return {"tmp/h/chats/session-1.jsonl": json_lines(lines)}


def opencode(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write a file for each answer."""
    files = {}
    for number, use in enumerate(uses):
        milliseconds = (UNIX_START + 60 * number) * 1000
        message = {
            "id": f"msg_{number:04d}",
            "sessionID": "s",
            "role": "assistant",
            "time": {"created": milliseconds, "completed": milliseconds + 5},
            "modelID": "claude-a",
            "providerID": "anthropic",
            "path": {"cwd": "/home/ann/shop"},
            "cost": 0,
            "tokens": {
                "input": use.plain,
                "output": use.output,
                "reasoning": use.reasoning,
                "cache": {"read": use.cached, "write": use.written},
            },
            "system": [secret],
            "error": None,
            "summary": {"title": secret},
        }
        files[f"storage/message/s/msg_{number:04d}.json"] = json.dumps(message, indent=1)
    return files


def helicone(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write requests whose total says that token classes are disjoint."""
    lines = [
        {
            "request_id": f"h{number}",
            "request_created_at": iso(number),
            "response_status": 200,
            "model": "claude-a",
            "provider": "ANTHROPIC",
            "prompt_tokens": use.plain,
            "prompt_cache_read_tokens": use.cached,
            "prompt_cache_write_tokens": use.written,
            "completion_tokens": use.outputs,
            "total_tokens": use.input + use.outputs,
            "costUSD": None,
            "request_body": {"messages": [secret]},
            "response_body": secret,
            "request_properties": {"note": secret},
        }
        for number, use in enumerate(uses)
    ]
    return {"requests.jsonl": json_lines(lines)}


def focus(uses: Sequence[Use], secret: str) -> Dict[str, str]:
    """Write a bill with a charge for each side of each call."""
    rows = []
    for number, use in enumerate(uses):
        whole = cost_of_use(use, "claude-a")
        output = cost_of_use(Use(0, output=use.outputs), "claude-a")
        for meter, count, cost in (
            ("Input", use.plain + use.cached + use.written, whole - output),
            ("Output Tokens", use.outputs, output),
        ):
            rows.append(
                {
                    "BilledCost": f"{float(cost):.12f}",
                    "BillingCurrency": "USD",
                    "ChargePeriodStart": iso(number),
                    "ChargePeriodEnd": iso(number + 1),
                    "ChargeCategory": "Usage",
                    "ChargeDescription": secret,
                    "ConsumedQuantity": count,
                    "ConsumedUnit": "Tokens",
                    "ServiceProviderName": "Anthropic",
                    "ServiceCategory": "AI and Machine Learning",
                    "ServiceName": "Anthropic API",
                    "SkuMeter": meter,
                    "Tags": json.dumps({"prompt": secret}),
                }
            )
    return {"bill.csv": table(rows)}


VENDORS: Dict[str, Vendor] = {
    "claude-code": Vendor(claude_code, "claude-a"),
    "codex": Vendor(codex, "gpt-a", ("cached", "reasoning"), splits=False),
    "openai-usage": Vendor(openai_usage, "gpt-a", ("cached",)),
    "anthropic-usage": Vendor(anthropic_usage, "claude-a", ("cached", "written"), calls=False),
    "litellm": Vendor(litellm, "claude-a"),
    "openrouter": Vendor(openrouter, "gpt-a", ("cached", "reasoning")),
    "langfuse": Vendor(langfuse, "claude-a"),
    "otel": Vendor(otel, "claude-a"),
    "csv": Vendor(csv_file, "claude-a"),
    "bedrock": Vendor(bedrock, "us.anthropic.claude-a-v1:0", ("cached", "written")),
    "gemini-cli": Vendor(gemini_cli, "gemini-a", ("cached", "reasoning")),
    "opencode": Vendor(opencode, "claude-a"),
    "helicone": Vendor(helicone, "claude-a", ("cached", "written")),
    "focus": Vendor(focus, "claude-a", (), calls=False),
}
