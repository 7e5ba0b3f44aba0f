"""Walking traces upwards."""

from __future__ import annotations

from typing import Iterator

from finops.importers.base import Span, Spans

_DEEPEST = 1000


def ancestors(span: Span, spans: Spans) -> Iterator[Span]:
    """Yield the spans around one, the nearest first; a circle of parents ends."""
    seen = {span.node}
    around = spans.parent_of(span.node)
    while around is not None and around.node not in seen and len(seen) < _DEEPEST:
        yield around
        seen.add(around.node)
        around = spans.parent_of(around.node)
