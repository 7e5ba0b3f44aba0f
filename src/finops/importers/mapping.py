"""From files to the rows of the CSV of calls: read, priced, and made texts, some at a time.

This is most of the work of an import, and needs nothing of the calls that are known already, so
that another process can do it for a part of the files.
"""

from __future__ import annotations

import marshal
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops.importers.base import Format, ImportOptions, NeedsAllError, NthOf, Session, Span
from finops.importers.call import Call, record_of, text_of
from finops.importers.costs import CostRules
from finops.importers.sources import Source
from finops.importers.tally import Rejection, Tally
from finops.importers.values import RejectedError

_ROWS_AT_A_TIME = 1000


class Batch(NamedTuple):
    """What some records are, see `text_of` for rows and `Span` for nodes.

    `rows`: the id of each call, its family and its row.  `staged`: calls that may contain
    others, each with the node that it is.  `spans`: the nodes, their parents and kinds.
    """

    rows: List[Tuple[str, str, str]]
    staged: List[Tuple[str, str]]
    spans: List[Tuple[str, str, str]]


class Mapper:
    """Maps files of a format to rows, by the rules that hold for all of them."""

    def __init__(self, format: Format, options: ImportOptions, rules: CostRules) -> None:
        self._format = format
        self._options = options
        self._rules = rules
        self._has_families = type(format).family is not Format.family

    def batches(self, source: Source, session: Session) -> Iterator[Batch]:
        """Yield all of a file; records that cannot be used are counted.  Raises OSError."""
        batch = Batch([], [], [])
        for number, entry in enumerate(self._format.read(source, session), 1):
            if isinstance(entry, Span):
                batch.spans.append((entry.node, entry.parent, entry.kind))
            else:
                self._add(entry, source, session.tally, batch)
            if number % _ROWS_AT_A_TIME == 0:
                yield batch
                batch = Batch([], [], [])
        yield batch

    def _add(self, call: Call, source: Source, tally: Tally, batch: Batch) -> None:
        if not self._options.wants(call.time):
            tally.skipped["outside --since and --until"] += 1
            return
        try:
            cost = self._rules.cost_of(call)
        except RejectedError as error:
            tally.reject(source.label, 0, str(error))
            return
        tokens = call.tokens.consistent()
        if tokens is not call.tokens:
            call = call._replace(tokens=tokens)
        record = record_of(call, cost, self._format.id)
        if call.node:
            batch.staged.append((call.node, text_of(record)))
        else:
            family = self._format.family(record) if self._has_families else ""
            batch.rows.append((record.call_id, family, text_of(record)))


class Mapped(NamedTuple):
    """What became of a file, or of some lines of one, apart from all others.

    `failure`: why the file could not be read, "" where it could.  `folders`: one of each
    project.  `tally` and `rejected` are of these records only.
    """

    batches: List[Batch]
    tally: Tally
    rejected: List[Rejection]
    folders: List[str]
    failure: str


def map_apart(
    mapper: Mapper, source: Source, session: Session, nth_of: Optional[NthOf] = None
) -> Optional[Mapped]:
    """Return what becomes of a file, or of some lines of one.

    Without `nth_of` None is returned where ids depend on what was read before.
    """
    rejected: List[Rejection] = []
    own = session.apart(Tally(rejected.append), nth_of)
    batches: List[Batch] = []
    failure = ""
    try:
        batches.extend(mapper.batches(source, own))
    except NeedsAllError:
        return None
    except OSError as error:
        failure = error.strerror or str(error)
    return Mapped(batches, own.tally, rejected, list(own.folders.values()), failure)


def map_part(mapper: Mapper, sources: Sequence[Source], session: Session) -> bytes:
    """Return what `mapped_from` reads of some files."""
    return marshal.dumps([_plain(map_apart(mapper, source, session)) for source in sources])


def _plain(mapped: Optional[Mapped]) -> Optional[Tuple[object, ...]]:
    """Return a result as plain values."""
    if mapped is None:
        return None
    rows = [tuple(batch) for batch in mapped.batches]
    rejected = [tuple(rejection) for rejection in mapped.rejected]
    return rows, mapped.tally.plain(), rejected, mapped.folders, mapped.failure


def mapped_from(content: bytes) -> List[Optional[Mapped]]:
    """Return what became of some files, mapped in this process or in a copy of it.

    None stands for a file that has to be read after those before it.
    """
    return [None if plain is None else _mapped(*plain) for plain in marshal.loads(content)]


def _mapped(
    batches: Sequence[Any], tally: Sequence[Any], rejected: Any, folders: Any, failure: str
) -> Mapped:
    return Mapped(
        [Batch(*batch) for batch in batches],
        Tally.from_plain(tally),
        [Rejection(*rejection) for rejection in rejected],
        folders,
        failure,
    )
