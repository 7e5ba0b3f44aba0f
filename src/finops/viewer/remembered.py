"""How the viewer has data read: as its own command line says, else as the reports were made."""

from __future__ import annotations

import os

from finops.manifest import MANIFEST, REDACTED, read_manifest
from finops.reading_choices import ReadingChoices
from finops.viewer.datasets import Dataset


def reading_of(dataset: Dataset, own: ReadingChoices) -> ReadingChoices:
    """Return the choices for the next analysis: `own` where given, else those of the manifest
    among the dataset's reports, if they are of this dataset.
    """
    return own.over(_remembered(dataset))


def is_of(choices: ReadingChoices, dataset: Dataset) -> bool:
    """Return whether the data that was chosen is this dataset."""
    return list(map(os.path.realpath, choices.data)) == list(map(os.path.realpath, dataset.data))


def are_redacted(dataset: Dataset) -> bool:
    """Return whether the names in a dataset's reports are replaced."""
    stored = read_manifest(dataset.reports / MANIFEST)
    return stored is not None and stored.content.options.names == REDACTED


def _remembered(dataset: Dataset) -> ReadingChoices:
    stored = read_manifest(dataset.reports / MANIFEST)
    if stored is None:
        return ReadingChoices()
    choices = stored.content.options.reading
    if not is_of(choices, dataset):
        return ReadingChoices()
    # A file beside the data is checked again, so that one that has gone counts no more.
    beside = os.path.dirname(choices.config) == os.path.dirname(choices.data[0])
    events = choices.events if os.path.isfile(choices.events) else ""
    return choices._replace(config="" if beside else choices.config, events=events)
