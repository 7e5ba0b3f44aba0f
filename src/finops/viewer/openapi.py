"""The interface described as an OpenAPI document, from the limits that the code enforces.

Every address, parameter, body and answer is listed; a fuzzer that is driven by this document
finds no answer outside it.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from finops import __version__, config, schema
from finops.manifest import STATUSES
from finops.registry import ANALYZER_REGISTRY
from finops.viewer.events import SDK_REQUIRED
from finops.viewer.viewer_state import Viewer

Schema = Dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_ERRORS = {
    400: "The request is malformed: framing, address, or JSON.",
    401: "The key is missing or wrong.",
    403: "The request came from another site or under another name.",
    404: "Not found.",
    405: "The address does not allow this method.",
    409: "It is already running, there is nothing to work on, or the id or the Idempotency-Key "
    "is taken by other content.",
    411: "Content-Length is missing.",
    413: "The body is too large, or holds too many values.",
    415: "The body is not JSON, or compressed.",
    422: "A field is not valid; the error names it.",
    429: "Too many requests are waiting; try again after Retry-After seconds.",
    431: "The request head is too large.",
    503: "The dataset is being written by another program; try again.",
}
_EVERY = (400, 403, 405, 431)
_POSTED = (*_EVERY, 411, 413, 415)


def describe_api(viewer: Viewer, examples: Sequence[str]) -> Dict[str, Any]:
    """Return the OpenAPI document of this viewer."""
    paths = {**_reading(), **_jobs(viewer, examples)}
    if viewer.settings.collect:
        paths.update(_collecting(with_key=viewer.settings.collect_key is not None))
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Revenium FinOps Showcase viewer",
            "version": __version__,
            "description": "The local interface behind the live dashboard.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                "Error": _object({"success": {"type": "boolean", "enum": [False]}, "error": _TEXT}),
                "Job": _job(),
                "AnalyzerStatus": _state(("queued", "running", "complete", "error", "timeout")),
                "Status": _status(),
                "Dataset": _object(
                    {"name": _TEXT, "size_mb": _NUMBER, "exists": _FLAG, "current": _FLAG}
                ),
            },
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


# --- the addresses ---------------------------------------------------------------------------


def _reading() -> Dict[str, Any]:
    listed = _object({"datasets": {"type": "array", "items": _ref("Dataset")}})
    return {
        "/api/status": {"get": _get("The state of everything.", _ref("Status"))},
        "/api/datasets": {"get": _get("The datasets that can be switched to.", listed)},
        "/api/openapi.json": {"get": _get("This document.", {"type": "object"})},
        "/api/job": {
            "get": {
                "summary": "One job, and the end of what an example has printed.",
                "parameters": [_query("job", _TEXT)],
                "responses": _answers(
                    200, _object({"job": _ref("Job"), "output": _TEXT}), (*_EVERY, 404)
                ),
            }
        },
        "/healthz": {
            "get": {
                "summary": "Whether the server answers.",
                "responses": {
                    "200": {
                        "description": "It does.",
                        "content": {"text/plain": {"schema": {"type": "string", "enum": ["ok"]}}},
                    },
                    **_errors(_EVERY),
                },
            }
        },
    }


def _jobs(viewer: Viewer, examples: Sequence[str]) -> Dict[str, Any]:
    started = _object({"success": _FLAG, "job": _ref("Job")})
    busy = (*_POSTED, 409, 429)
    ids = _among(list(ANALYZER_REGISTRY))
    switched = _object({"success": _FLAG, "name": _TEXT})
    return {
        "/api/run-analyzer": _post(
            "Run one analyzer in the background.",
            _answers(202, started, (*busy, 404)),
            _query("id", ids),
        ),
        "/api/run-all": _post(
            "Run all analyzers in one pass over the data.", _answers(202, started, busy)
        ),
        "/api/generate": _post(
            "Grow the dataset to a size, in its own process.",
            _answers(202, started, (*busy, 422)),
            body=_growth(viewer),
        ),
        "/api/cancel": _post(
            "Stop a job.", _answers(202, started, (*_POSTED, 404)), _query("job", _TEXT)
        ),
        "/api/dataset": _post(
            "Switch to another dataset.",
            _answers(200, switched, (*_POSTED, 404)),
            _query("name", _among(viewer.datasets.listed())),
        ),
        "/api/run-example": _post(
            "Run an example of the showcase.",
            _answers(202, started, (*busy, 404)),
            _query("id", _among(list(examples))),
        ),
    }


def _collecting(with_key: bool) -> Dict[str, Any]:
    errors = (*_POSTED, 422, 429, 503, *((401,) if with_key else ()))
    single = (*errors, 409)
    resource = _object(
        {name: _TEXT for name in ("id", "label", "resourceType", "signature", "created")}
    )
    counted = _object(
        {
            "accepted": _COUNT,
            "duplicates": _COUNT,
            "rejected": {
                "type": "array",
                "items": _object({"index": _COUNT, "field": _TEXT, "reason": _TEXT}),
            },
        }
    )
    paths = {
        "/meter/v2/ai/completions": _post(
            "Record one completion, as Revenium's Python SDK sends it.",
            _answers(201, resource, single),
            body=_completion(),
        ),
        "/v1/events/batch": _post(
            "Record events in the call record's names; gzip bodies are accepted.",
            _answers(200, counted, errors),
            body={
                "type": "array",
                "maxItems": config.COLLECT_MAX_EVENTS,
                "items": _record(),
            },
        ),
    }
    if with_key:
        for path in paths.values():
            path["post"]["security"] = [{"apiKey": []}, {"bearer": []}]
    return paths


# --- the bodies ------------------------------------------------------------------------------


def _growth(viewer: Viewer) -> Schema:
    known = _among([name for name, _ in viewer.scenarios()])
    return {
        "type": "object",
        "required": ["size_mb"],
        "properties": {
            "size_mb": {"type": "number", "minimum": 0.01, "maximum": config.MAX_GENERATE_MB},
            "seed": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "nullable": True},
            "scenarios": {"type": "array", "items": known, "nullable": True},
        },
    }


def _completion() -> Schema:
    time = {"type": "string", "format": "date-time"}
    count = {"type": "integer", "minimum": 0, "maximum": config.MAX_TOKENS}
    kinds: Dict[str, Schema] = {
        **{name: time for name in SDK_REQUIRED if name.endswith("Time")},
        **{name: count for name in SDK_REQUIRED if name.endswith("Count")},
        "requestDuration": {"type": "integer", "minimum": 0, "maximum": config.MAX_LATENCY_MS},
        "stopReason": {
            "type": "string",
            "enum": [
                *("END", "END_SEQUENCE", "TIMEOUT", "TOKEN_LIMIT", "COST_LIMIT"),
                *("COMPLETION_LIMIT", "ERROR", "CANCELLED"),
            ],
        },
        "provider": {"type": "string", "minLength": 1, "maxLength": config.COLLECT_MAX_TEXT},
        "model": {"type": "string", "minLength": 1, "maxLength": config.COLLECT_MAX_TEXT},
        "transactionId": {"anyOf": [_TEXT, {"type": "integer"}], "nullable": True},
        "totalCost": {
            "type": "number",
            "minimum": 0,
            "maximum": config.MAX_COST_USD,
            "nullable": True,
        },
    }
    return {"type": "object", "required": list(SDK_REQUIRED), "properties": kinds}


def _record() -> Schema:
    """Return what one event of a batch may be: anything, for each is judged alone."""
    required = ", ".join(schema.REQUIRED_COLUMNS)
    return {
        "description": f"An object in the call record's names, flat or under metadata; {required} "
        "are required. What breaks a rule is listed under rejected, and the others are stored.",
        "example": {
            **{"timestamp": "2025-01-01T09:30:00Z", "provider": "openai", "model": "gpt-4o"},
            **{"input_tokens": 1200, "output_tokens": 300, "customer_id": "cust_0001"},
        },
    }


def _job() -> Schema:
    state = _state(("queued", "running", "complete", "error", "timeout", "cancelled"))
    own = {
        "id": _TEXT,
        "kind": {"type": "string", "enum": ["analyzer", "all", "generate", "example"]},
        "label": _TEXT,
        "dataset": _TEXT,
        "progress_pct": _nullable(_NUMBER),
    }
    return _object({**own, **state["properties"]})


def _state(names: Sequence[str]) -> Schema:
    return _object(
        {
            "status": {"type": "string", "enum": list(names)},
            "started_at": _nullable(_TEXT),
            "completed_at": _nullable(_TEXT),
            "success": _nullable(_FLAG),
            "error": _nullable(_TEXT),
            "seconds": _nullable(_NUMBER),
        }
    )


def _status() -> Schema:
    csv = {
        **{"name": _TEXT, "exists": _FLAG, "size_mb": _NUMBER, "target_mb": _NUMBER},
        "progress_pct": {"type": "number", "minimum": 0, "maximum": 100},
        **{"line_count": _COUNT, "calls": _COUNT, "counting": _FLAG, "complete": _FLAG},
        "modified_at": _nullable(_TEXT),
        "period": _nullable({"type": "object"}),
    }
    report = {
        **{name: _TEXT for name in ("id", "name", "domain", "purpose", "headline")},
        **{"exists": _FLAG, "size_kb": _NUMBER, "stale": _FLAG},
        **{"generated_at": _nullable(_TEXT), "seconds": _nullable(_NUMBER)},
        **{"status": _among(STATUSES), "reason": _TEXT},
    }
    monitor = {
        **{"enabled": _FLAG, "interval_s": _NUMBER, "failures": _COUNT, "next_in_s": _NUMBER},
        **{key: _nullable(_TEXT) for key in ("last_check", "last_regeneration", "last_error")},
    }
    finding = {
        **{name: _TEXT for name in ("list", "title", "detail", "severity", "kind")},
        **{name: _TEXT for name in ("confidence", "effort", "report", "report_title")},
        "impact_usd_per_month": _nullable(_NUMBER),
    }
    entry = {"number": _COUNT, "time": _TEXT, "text": _TEXT, "level": _TEXT}
    return _object(
        {
            "timestamp": _TEXT,
            "version": _TEXT,
            "csv": _object(csv),
            "reports": {"type": "object", "additionalProperties": _object(report)},
            "analyzer_status": {
                "type": "object",
                "additionalProperties": _ref("AnalyzerStatus"),
            },
            "jobs": {"type": "array", "items": _ref("Job")},
            "monitor": _object(monitor),
            "datasets": {"type": "array", "items": _ref("Dataset")},
            "summary": {"type": "array", "items": _object(finding)},
            "activity": {"type": "array", "items": _object(entry)},
            "collector": _object({"enabled": _FLAG, "dataset": _nullable(_TEXT), "events": _COUNT}),
        }
    )


# --- small parts -----------------------------------------------------------------------------


def _object(properties: Dict[str, Schema]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(schema_: Schema) -> Schema:
    return {**schema_, "nullable": True}


def _among(names: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(names)} if names else dict(_TEXT)


def _query(name: str, kind: Schema) -> Dict[str, Any]:
    return {"name": name, "in": "query", "required": True, "schema": kind}


def _get(summary: str, kind: Schema) -> Dict[str, Any]:
    return {"summary": summary, "responses": _answers(200, kind, _EVERY)}


def _post(
    summary: str,
    responses: Dict[str, Any],
    parameter: Optional[Dict[str, Any]] = None,
    body: Optional[Schema] = None,
) -> Dict[str, Any]:
    content = {"application/json": {"schema": body or {"type": "object"}}}
    return {
        "post": {
            "summary": summary,
            "parameters": [parameter] if parameter else [],
            "requestBody": {"required": True, "content": content},
            "responses": responses,
        }
    }


def _answers(status: int, kind: Schema, errors: Sequence[int]) -> Dict[str, Any]:
    content = {"application/json": {"schema": kind}}
    return {str(status): {"description": "Done.", "content": content}, **_errors(errors)}


def _errors(statuses: Sequence[int]) -> Dict[str, Any]:
    content = {"application/json": {"schema": _ref("Error")}}
    return {str(s): {"description": _ERRORS[s], "content": content} for s in sorted(set(statuses))}
