"""The files of a dataset, scanned together: in the order of time, by the same rules.

What only the whole can decide (see `readings`) is decided over the parts of all files.  What was
read of a file is kept beside it, as if it had been read alone.
"""

from __future__ import annotations

import hashlib
from typing import Callable, Iterator, List, Optional, Sequence

from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.header import NotUsageDataError
from finops.reader.identity import IdCollector, RepeatFilter, repeated_checksums
from finops.reader.layout import FileLayout
from finops.reader.options import ReadingRules
from finops.reader.sources import SourceFiles
from finops.rollups.cache import as_plausible
from finops.rollups.file_scan import FileScan, Report, ScanSettings
from finops.rollups.kept_tables import KeptTables
from finops.rollups.merge import FileParts
from finops.rollups.part import PartitionResult
from finops.rollups.readings import Reading, complete, implausible_is_usual

Progress = Callable[[int, int], None]


class FileSet:
    """The files of one scan.  `revived` says whether any part was kept from an earlier run,
    `plan` what they are read for, the files having the columns that they have.

    Raises DataError where a file that is named cannot be read, or none of all can.
    """

    def __init__(
        self, sources: SourceFiles, settings: ScanSettings, progress: Optional[Progress]
    ) -> None:
        self.notes = list(sources.notes)
        self.revived = False
        self._progress = progress
        self._kept: List[List[PartitionResult]] = []
        self._files = self._usable(sources, settings)
        columns = {name for file in self._files for name in file.layout.header.positions}
        self.plan = settings.plan.for_columns(columns)
        for file in self._files:
            file.use(self.plan)
        latest = max(file.layout.latest for file in self._files)
        self.rules = ReadingRules(settings.prices, settings.options, latest)
        if len(self._files) > 1:
            rules = self.rules
            self._files.sort(key=lambda file: file.first_time(rules))

    def _usable(self, sources: SourceFiles, settings: ScanSettings) -> List[FileScan]:
        """Return the files that hold usage data; what was not named need not."""
        files: List[FileScan] = []
        refused: List[NotUsageDataError] = []
        for source in sources.files:
            try:
                files.append(FileScan(source, settings))
            except NotUsageDataError as error:
                if source.named:
                    raise
                refused.append(error)
        if not files:
            raise refused[0]
        self.notes += [f"A file was not read: {error}." for error in refused]
        return files

    @property
    def name(self) -> str:
        """What to call the files together."""
        first, others = self._files[0].layout.name, len(self._files) - 1
        if not others:
            return first
        return f"{first} and {others} more {'file' if others == 1 else 'files'}"

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self._files)

    @property
    def size(self) -> int:
        """How many bytes of them are taken in."""
        return sum(file.layout.size for file in self._files)

    @property
    def layouts(self) -> List[FileLayout]:
        """What there is to read of the files, in their order."""
        return [file.layout for file in self._files]

    @property
    def parts(self) -> List[PartitionResult]:
        """The parts of all files in their order, as last read."""
        return [part for file in self._files for part in file.parts]

    @property
    def file_parts(self) -> List[FileParts]:
        """The parts of each file, with what goes with them."""
        return [
            FileParts(layout.name, layout.header, layout.notes, file.parts)
            for layout, file in zip(self.layouts, self._files)
        ]

    def complete(self) -> Reading:
        """Return the reading of all files: what was kept of them, and what was not.

        Raises FileReplacedError where one is replaced by another one meanwhile.
        """
        kept = [file.load(self.rules) for file in self._files]
        if len(kept) == 1 and kept[0].is_complete:
            self.revived = True
            return kept[0].whole
        readings = [each.reading for each in kept]
        if len(kept) > 1:
            readings = [_beside_others(reading, self.rules) for reading in readings]
        self._kept = [reading.parts for reading in readings]
        self.revived = any(self._kept)
        parts = [part for parts in self._kept for part in parts]
        return complete(Reading(parts, readings[0].rules), self)

    def read(self, rules: ReadingRules, kept: List[PartitionResult]) -> List[PartitionResult]:
        """Return the parts of all files; the kept ones of each are used if any are given."""
        nothing: List[PartitionResult] = []
        for place, file in enumerate(self._files):
            file.read(rules, self._kept[place] if kept else nothing, self._report(place))
        return self.parts

    def read_in_order(self, rules: ReadingRules, repeats: RepeatFilter) -> List[PartitionResult]:
        """Return the parts of all files, read one after the other, without repeats."""
        for place, file in enumerate(self._files):
            file.read(rules, [], self._report(place), repeats)
        return self.parts

    def batches(
        self,
        rules: ReadingRules,
        encoder: KeyEncoder,
        columns: Sequence[str] = (),
        repeats: Optional[RepeatFilter] = None,
    ) -> Iterator[Batch]:
        """Yield the calls of all files once more, with the cells of some columns, and without
        `repeats`.
        """
        for file in self._files:
            yield from file.batches(rules, encoder, columns, repeats)

    def repeats(self, rules: ReadingRules) -> RepeatFilter:
        """Return what leaves out records that repeat, which takes a pass over all ids."""
        collectors = [IdCollector(all_checksums=True) for _ in self._files]
        for file, ids in zip(self._files, collectors):
            for _ in file.batches(rules, KeyEncoder(rules), ids=ids):
                pass
        return RepeatFilter(repeated_checksums([ids.summary() for ids in collectors]))

    def content_key(self, reading: Reading) -> str:
        """Return what all figures of a reading follow from, in short, "" where it is not known.

        As long as it is the same, whatever is made of the data is.
        """
        keys = [file.content_key for file in self._files]
        if not all(keys):
            return ""
        rules = reading.rules
        # As long as no time lies ahead of the clock, it makes no difference what that says.
        latest = b"" if as_plausible(reading.parts, rules.latest) else rules.latest
        about = (keys, latest, rules.implausible_used, reading.has_repeats, self.notes)
        return hashlib.sha256(repr(about).encode("utf-8")).hexdigest()

    def kept_tables(self, reading: Reading) -> Optional[KeptTables]:
        """Return where tables of a reading are kept, None where none are.

        They are of a single file, whose parts stay what they are whatever comes behind them.
        """
        several, rules = len(self._files) > 1, reading.rules
        if several or reading.has_repeats or not as_plausible(reading.parts, rules.latest):
            return None
        return self._files[0].kept_tables(rules)

    def save(self, reading: Reading) -> None:
        """Keep what was read of each file, where it would be the same of the file alone."""
        several = len(self._files) > 1
        for file in self._files:
            if reading.has_repeats and several:
                continue
            if several and implausible_is_usual(file.parts) != reading.rules.implausible_used:
                continue
            file.save(reading)

    def _report(self, place: int) -> Report:
        """Return what makes of the progress in one file that in all of them."""
        sizes = [file.layout.size for file in self._files]
        before, after = sum(sizes[:place]), sum(sizes[place + 1 :])

        def report(done: int, total: int) -> None:
            if self._progress is not None:
                self._progress(before + done, before + total + after)

        return report


def _beside_others(reading: Reading, rules: ReadingRules) -> Reading:
    """Return what was kept of one file if it holds as well beside others, else nothing."""
    alone = reading.has_repeats or reading.rules.implausible_used
    holds = not alone and as_plausible(reading.parts, rules.latest)
    return Reading(reading.parts if holds else [], rules)
