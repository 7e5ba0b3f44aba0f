"""The result of one part of a file, which travels between processes and is kept in the cache."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops.reader.identity import IdSummary
from finops.reader.layout import Span
from finops.rollups.cells import PackedCells

Keys = Sequence[Sequence[Any]]  # of texts, numbers and None


class PartitionResult(NamedTuple):
    """What was read of the bytes [from, to) of a file.

    `digests` are those of its bytes (see the module of that name); `accounts` the counters of
    `accounts.Accounts`; `activity` an `ActivityLog` as plain data, None where no table needs
    one; `linked` a `LinkedCalls` as such; `ends` the first and the last time, `hours` the first
    and the last local hour, nothing without calls; `ids` what is known of the ids; `cubes`, in the
    order of the plan's specs, the keys of their codes and their cells.
    """

    span: Span
    digests: Sequence[str]
    accounts: Mapping[str, Any]
    customer_keys: Keys
    activity: Optional[Mapping[str, Any]]
    linked: Mapping[str, Any]
    ends: Sequence[str]
    hours: Sequence[str]
    ids: IdSummary
    cubes: List[Tuple[Keys, PackedCells]]

    def plain(self) -> Dict[str, Any]:
        """Return it as dicts, lists, texts, numbers and arrays (see `serialization`)."""
        return self._asdict()

    @classmethod
    def from_plain(cls, plain: Dict[str, Any]) -> PartitionResult:
        """Return the result of `plain`; what is no result raises a LookupError, TypeError,
        ValueError or AttributeError.
        """
        start, end = plain["span"]
        cubes = [(keys, PackedCells(*packed)) for keys, packed in plain["cubes"]]
        ids = IdSummary(*plain["ids"])
        return cls(**dict(plain, span=(start, end), ids=ids, cubes=cubes))
