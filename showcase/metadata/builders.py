"""Metadata builders: compose metadata step by step, and inherit it down a hierarchy.

The fluent builder spells out a call's context in one expression and refuses to build anything
invalid.  Builders are immutable, so a shared base cannot be changed by one of its users.  The
hierarchical tagger keeps what belongs to an organization, product or feature in one place and
hands it down.

Use case: every place in an application that starts AI calls.
Pattern: immutable fluent builder, inheritance along a path, validation at the end.
Performance: microseconds a set, validation included; the demonstration measures both.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

REQUIRED: Tuple[str, ...] = ("customer_id", "organization_id", "product_id", "feature_id")
Check = Callable[[Mapping[str, Any]], None]


def require_ids(metadata: Mapping[str, Any]) -> None:
    """Raise ValueError unless the four ids are there by which cost is allocated."""
    missing = [name for name in REQUIRED if not str(metadata.get(name) or "").strip()]
    if missing:
        raise ValueError(f"missing {', '.join(missing)}")


def default_check() -> Check:
    """Return the check of `validators.py` where that lies beside this file, else `require_ids`."""
    try:
        from validators import MetadataValidator
    except ImportError:
        return require_ids
    return MetadataValidator().check


class MetadataBuilder:
    """Build one metadata set; every method returns a new builder.

    `check` takes the fields and raises ValueError where they are not to be sent.

    >>> base = MetadataBuilder().environment("production")
    >>> base.feature("chat") is base
    False
    """

    def __init__(
        self,
        fields: Optional[Mapping[str, Any]] = None,
        check: Optional[Check] = None,
    ) -> None:
        self._fields: Dict[str, Any] = dict(fields or {})
        self._check = check or default_check()

    def having(self, **fields: Any) -> MetadataBuilder:
        """Add fields by name, custom ones too; a later value replaces an earlier one."""
        return MetadataBuilder({**self._fields, **fields}, self._check)

    def organization(self, organization_id: str) -> MetadataBuilder:
        """Say which organization the call is for."""
        return self.having(organization_id=organization_id)

    def customer(self, customer_id: str, tier: str) -> MetadataBuilder:
        """Say which customer the call is for, and its subscription tier."""
        return self.having(customer_id=customer_id, subscription_tier=tier)

    def product(self, product_id: str) -> MetadataBuilder:
        """Say which product makes the call."""
        return self.having(product_id=product_id)

    def feature(self, feature_id: str, component_id: Optional[str] = None) -> MetadataBuilder:
        """Say which feature makes the call, and which component of it."""
        built = self.having(feature_id=feature_id)
        return built.having(component_id=component_id) if component_id else built

    def task(self, task_type: str) -> MetadataBuilder:
        """Say what the model is asked to do."""
        return self.having(task_type=task_type)

    def environment(self, environment: str) -> MetadataBuilder:
        """Say where the application runs."""
        return self.having(environment=environment)

    def request(self, request_id: str, session_id: str, trace_id: str) -> MetadataBuilder:
        """Tie the call to a request, a session and a trace."""
        return self.having(request_id=request_id, session_id=session_id, trace_id=trace_id)

    def build(self) -> Dict[str, Any]:
        """Return the metadata as a new dict.  Raises ValueError where the check refuses it."""
        self._check(self._fields)
        return dict(self._fields)


Path = Tuple[str, ...]
LEVELS = ("organization_id", "product_id", "feature_id")


class HierarchicalTagger:
    """Metadata by place in the hierarchy organization / product / feature.

    What is set for a place holds for everything below it, unless it is set again there.
    """

    def __init__(self, **everywhere: Any) -> None:
        self._nodes: Dict[Path, Dict[str, Any]] = {(): dict(everywhere)}

    def __len__(self) -> int:
        return len(self._nodes)

    def define(self, *place: str, **fields: Any) -> HierarchicalTagger:
        """Set fields for a place: no, one, two or three ids.  Returns the tagger, for chaining.

        Raises ValueError for a path that is too deep, or fields that contradict the path.
        """
        if len(place) > len(LEVELS):
            raise ValueError(f"a place has at most {len(LEVELS)} levels: {', '.join(LEVELS)}")
        wrong = [name for name in fields if name in LEVELS]
        if wrong:
            raise ValueError(f"{wrong[0]} follows from the path; do not set it")
        self._nodes.setdefault(place, {}).update(fields)
        return self

    def tag(self, *place: str, **call: Any) -> Dict[str, Any]:
        """Return the metadata of a call at a place: inherited fields, ids of the path, `call`'s."""
        metadata: Dict[str, Any] = {}
        for depth in range(len(place) + 1):
            metadata.update(self._nodes.get(place[:depth], {}))
        metadata.update(zip(LEVELS, place))
        return {**metadata, **call}

    def origin(self, name: str, *place: str) -> str:
        """Return the place that a field is inherited from, as `org_001/product_a`."""
        for depth in range(len(place), -1, -1):
            if name in self._nodes.get(place[:depth], {}):
                return "/".join(place[:depth]) or "(everywhere)"
        raise KeyError(f"{name} is not set for {'/'.join(place)} or above")


def demonstrate() -> Dict[str, float]:
    """Build, inherit and validate metadata; return the measured figures."""
    from _demo_builders import demonstrate as demonstration

    return demonstration()


# --- the same as in _start.py ---------------------------------------------------------------------


def run_demonstration(demonstration: Callable[[], object]) -> int:
    """Run what needs the showcase's helper files; return the exit status.

    It is 2, after one line on standard error, where they are missing.
    """
    try:
        from _console import run

        return run(demonstration)
    except ImportError as error:
        print(
            f"{os.path.basename(sys.argv[0])}: its demonstration needs {error.name}.py and the "
            "other files of its folder whose names begin with _; to import it needs none of them",
            file=sys.stderr,
        )
        return 2


# --- end of _start.py -----------------------------------------------------------------------------


if __name__ == "__main__":
    sys.exit(run_demonstration(demonstrate))
