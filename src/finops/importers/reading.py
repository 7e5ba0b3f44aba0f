"""Reads the files of one format into the index of calls, with a second process where it pays.

Both processes map parts of the files to rows; this one adds them to the index, in the order of
the files, so that the outcome is that of one process.
"""

from __future__ import annotations

from contextlib import closing
from typing import Optional, Sequence

from finops.importers.base import Format, Progress, Session, may_be_made
from finops.importers.call import record_of_text
from finops.importers.index import CallIndex
from finops.importers.last_line import last_line
from finops.importers.made_up_sessions import MadeUpSessions
from finops.importers.mapping import Batch, Mapped, Mapper, map_apart, map_part, mapped_from
from finops.importers.parts import SizedSource, is_worth_sharing, parts_of
from finops.importers.sources import Source
from finops.importers.state import State, mark_of, size_of
from finops.ordered_results import MAX_TASKS, in_order
from finops.regular_files import open_regular

_COUNTED_AT_ONCE = 1 << 20


class Reading:
    """One import's reading of one format."""

    def __init__(
        self, format: Format, mapper: Mapper, session: Session, index: CallIndex, state: State
    ) -> None:
        self._format = format
        self._mapper = mapper
        self._session = session
        self._tally = session.tally
        self._index = index
        self._state = state
        self._has_spans = False

    def read(self, sources: Sequence[Source], progress: Progress, workers: int) -> None:
        """Read files; those that cannot be opened are rejected as a whole."""
        files = [SizedSource(source, size_of(source)) for source in sources]
        counted = _Bytes(sum(file.size for file in files), progress)
        if workers > 1 and is_worth_sharing(self._format, files):
            self._read_together(files, counted)
        else:
            for source in sources:
                self._read_here(_File(source), counted)
        self._settle_spans()

    def _read_here(self, file: _File, counted: _Bytes) -> None:
        """Read a file some records at a time, however large it is."""
        self._begin(file)
        source = file.source._replace(on_bytes=counted.add)
        try:
            for batch in self._mapper.batches(source, self._session):
                self._keep(batch, file)
        except OSError as error:
            self._fail(file, error.strerror or str(error))
        self._finish(file)

    def _read_together(self, files: Sequence[SizedSource], counted: _Bytes) -> None:
        """Let two processes read parts of the files."""
        parts = list(parts_of(self._format, files, MAX_TASKS))
        shared = [part.sources for part in parts if part.is_small]
        results = in_order(
            len(shared), lambda number: map_part(self._mapper, shared[number], self._session)
        )
        file = _File(files[0].source)
        with closing(results):
            for part in parts:
                if not part.is_small:
                    self._read_here(_File(part.sources[0]), counted)
                    continue
                for source, mapped in zip(part.sources, mapped_from(next(results))):
                    file = file if source.start else self._begin(_File(source))
                    self._absorb(mapped or self._mapped_here(source), source, file)
                    counted.add(file.size_of(source))
                    if source.end is None:
                        self._finish(file)

    def _mapped_here(self, source: Source) -> Mapped:
        mapped = map_apart(self._mapper, source, self._session, self._session.nth_of)
        assert mapped is not None  # since all is known here
        return mapped

    def _absorb(self, mapped: Mapped, source: Source, file: _File) -> None:
        """Take over what a file is, or a part of it."""
        for batch in mapped.batches:
            self._keep(batch, file)
        self._tally.add(mapped.tally)
        for folder in mapped.folders:
            self._session.project(folder)
        before = file.lines_before(source.start) if mapped.rejected else 0
        for label, line, reason in mapped.rejected:
            self._tally.reject(label, line and line + before, reason)
        if mapped.failure:
            self._fail(file, mapped.failure)

    def _begin(self, file: _File) -> _File:
        self._index.origin += 1
        if self._format.makes_up_sessions:
            file.sessions = MadeUpSessions(file.source, self._index, self._tally)
        return file

    def _keep(self, batch: Batch, file: _File) -> None:
        for span in batch.spans:
            self._has_spans = True
            self._state.add_span(self._format.id, span)
        self._index.stage_all(batch.staged)
        self._tally.duplicates += self._index.add_all(batch.rows)
        if batch.rows:
            file.last_id = batch.rows[-1][0]
        if file.sessions is not None:
            file.sessions.meet(batch.rows)

    def _fail(self, file: _File, reason: str) -> None:
        if not file.has_failed:
            self._tally.reject(file.source.label, 0, f"cannot be read: {reason}")
        file.has_failed = True

    def _finish(self, file: _File) -> None:
        if file.has_failed:
            return
        if file.sessions is not None:
            file.sessions.finish()
        if may_be_made(file.last_id):  # one that names itself replaces what was read of it
            self._settle_last_line(file)
        self._state.read(file.source, file.mark)

    def _settle_last_line(self, file: _File) -> None:
        """Leave out the row of a last line that was read before it was whole."""
        before = self._state.last_line(file.source)
        if before and not self._index.holds(before.call_id) and before.goes_on(file.source):
            self._index.drop_old(before.call_id)
        self._state.keep_last_line(file.source, last_line(file.source, file.last_id))

    def _settle_spans(self) -> None:
        """Leave out spans that contain calls, those of earlier imports too; add the others."""
        if not self._has_spans:
            return
        wrappers = set(self._format.wrappers(self._state.spans(self._format.id)))
        for node in sorted(wrappers):
            counted_as = self._state.counted_id(self._format.id, node)
            if counted_as:
                self._index.drop_old(counted_as)
                self._state.count(self._format.id, node, "")
        for node, text in self._index.staged():
            if node in wrappers:
                self._tally.skipped["spans around other calls"] += 1
                continue
            call_id = record_of_text(text).call_id
            self._tally.duplicates += self._index.add_all([(call_id, "", text)])
            self._state.count(self._format.id, node, call_id)


class _File:
    """A file while it is read, and how it was when that began."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.mark = mark_of(source)
        self.has_failed = False
        self.last_id = ""
        self.sessions: Optional[MadeUpSessions] = None
        self._counted_to = 0
        self._lines = 0

    def size_of(self, part: Source) -> int:
        """Return the bytes of a part of the file."""
        return (size_of(self.source) if part.end is None else part.end) - part.start

    def lines_before(self, place: int) -> int:
        """Return how many lines there are before a place of the file, 0 where it is gone."""
        try:
            with open_regular(self.source.path) as stream:
                stream.seek(self._counted_to)
                while self._counted_to < place:
                    size = min(_COUNTED_AT_ONCE, place - self._counted_to)
                    content = stream.read(size)
                    if not content:
                        break
                    self._counted_to += len(content)
                    self._lines += content.count(b"\n")
        except OSError:
            return 0
        return self._lines


class _Bytes:
    """Tells a progress how many bytes of some files were read."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def add(self, count: int) -> None:
        """Count bytes; a file may be read twice, which makes no more of it."""
        self._done = min(self._total, self._done + count)
        self._progress(self._done, self._total)
