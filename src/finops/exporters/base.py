"""What an exporter is: a pure function of a dataset's declared tables and of what was asked.

An exporter declares its tables like an analyzer and asks the dataset for them; it never reads the
file itself, so that every reading option counts and every engine can fill it.  It returns text:
the command prints it or writes it to a file.
"""

from __future__ import annotations

from typing import Callable, Iterable, Mapping, NamedTuple, Optional, Tuple

from finops.errors import UsageError
from finops.rollups.protocol import CallDataset


class Request(NamedTuple):
    """What was asked of an export besides its data; each field is an option of the command.

    A field that was not given has its default.  An exporter takes those that its `options` name.
    """

    table: str = ""
    """ANALYZER.SECTION, a list of a result"""
    no_guard: bool = False
    """text cells as they are, also those that a spreadsheet takes for formulas"""
    bom: bool = False
    """whether the text begins with a byte order mark"""
    focus: str = ""
    """the version of FOCUS"""
    billing_account: str = ""
    """the id of the account that is billed"""
    organization: str = ""
    """whose usage it is about"""
    month: str = ""
    """YYYY-MM"""

    def given(self) -> Mapping[str, object]:
        """Return the fields that do not have their defaults."""
        return {name: value for name, value in self._asdict().items() if value != _DEFAULTS[name]}


_DEFAULTS: Mapping[str, object] = Request()._asdict()


class Export(NamedTuple):
    """What an exporter made: text in chunks, and sentences about it for the user.

    The chunks may be made only while they are written; they can be taken once.
    """

    chunks: Iterable[str]
    remarks: Tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.chunks)


class Exporter(NamedTuple):
    """A format that a dataset can be exported in.

    `options` are the fields of `Request` that it takes, `needs` those that it cannot do without.
    `in_utc`: its days are those of UTC, so the dataset is opened with this time zone.
    `continued(earlier text, text, now)` returns what to write in the place of an earlier export,
    where that depends on it; `now` is in seconds since 1970.
    `export(dataset, request)` raises UsageError for what was asked, DataError where the dataset
    cannot be read.
    """

    id: str
    title: str
    export: Callable[[CallDataset, Request], Export]
    options: Tuple[str, ...] = ()
    needs: Tuple[str, ...] = ()
    in_utc: bool = False
    continued: Optional[Callable[[str, str, float], str]] = None

    def check(self, request: Request) -> None:
        """Raise UsageError where an option was given that it does not take, or one is missing."""
        for name in request.given():
            if name not in self.options:
                raise UsageError(f"--format {self.id} takes no {flag_of(name)}")
        for name in self.needs:
            if name not in request.given():
                raise UsageError(f"--format {self.id} needs {flag_of(name)}")


def flag_of(name: str) -> str:
    """Return the option of the command for a field of a request.

    >>> flag_of("no_guard")
    '--no-guard'
    """
    return "--" + name.replace("_", "-")
