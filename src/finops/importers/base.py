"""What a format is: how its files are recognised and found, and what calls their records are."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from finops.importers.call import DESCRIBING, Call, Record
from finops.importers.json_records import Item
from finops.importers.sources import Source
from finops.importers.tally import Tally
from finops.importers.values import Fields, RejectedError

Names = FrozenSet[str]


class ImportOptions(NamedTuple):
    """What a user may say about logs.

    `columns`: fields of the call record, and where in a source's record each is.
    `models`: names of deployments and the models behind them.  `rates`: USD per unit of a
    currency.  `recompute`: price calls by the price table although they name a cost.
    `effective`: take the effective cost of a bill rather than the billed one.
    `since` and `until`: the first moment of calls that are wanted, and the first one after them,
    in microseconds since 1970.  `input_timezone`: of times in tables of one's own that name none.
    """

    columns: Mapping[str, str] = {}
    models: Mapping[str, str] = {}
    rates: Mapping[str, Decimal] = {}
    recompute: bool = False
    effective: bool = False
    since: Optional[int] = None
    until: Optional[int] = None
    input_timezone: str = "UTC"

    def wants(self, time: int) -> bool:
        """Return whether calls of a moment are wanted."""
        is_late_enough = self.since is None or time >= self.since
        return is_late_enough and (self.until is None or time < self.until)


class Span(NamedTuple):
    """A node of a trace: its parent, and whether it is a call, a tool or something else.

    Calls that contain calls are wrappers: the tokens of what is inside are theirs too.
    """

    node: str
    parent: str
    kind: str = ""


# What a charge is for.
USAGE, CREDIT, CORRECTION, TAX = "usage", "credit", "correction", "tax"


class Charge(NamedTuple):
    """A sum of money that a vendor billed for the time from `start` to `end`, in microseconds.

    `id` is the same in two exports of one charge.  `amount` is negative where money is given
    back.  `model` is "" where the bill does not name it.  `kind`: usage, credit, correction (of
    an earlier bill) or tax.
    """

    id: str
    start: int
    end: int
    provider: str
    model: str
    amount: Decimal
    currency: str = "USD"
    kind: str = USAGE


Entry = Union[Call, Span]
NthOf = Callable[[str], int]
# Called with the bytes that were read, and those that are to be read.
Progress = Callable[[int, int], None]


class NeedsAllError(Exception):
    """What a part of the files has cannot be known from this part."""


def _needs_all(text: str) -> int:
    raise NeedsAllError


class Session:
    """What the files of one import share."""

    def __init__(
        self,
        sources: Sequence[Source],
        tally: Tally,
        options: ImportOptions,
        nth_of: NthOf,
        provider_of: Callable[[str], str] = lambda model: "",
    ) -> None:
        self.sources = sources
        self.tally = tally
        self.options = options
        self.nth_of = nth_of
        self.provider_of = provider_of
        self.memory: Dict[str, Any] = {}
        self.folders: Dict[str, str] = {}

    def apart(self, tally: Tally, nth_of: Optional[NthOf] = None) -> Session:
        """Return a session for a part of the files, with a tally of its own.

        Without `nth_of` its `id_of` raises NeedsAllError, since it depends on the other parts.
        """
        session = Session(self.sources, tally, self.options, nth_of or _needs_all, self.provider_of)
        session.memory = self.memory
        return session

    def project(self, folder: str) -> str:
        """Return the project of a working folder; two folders of one name are noted."""
        name = project_of(folder)
        known = self.folders.setdefault(name, folder)
        if name and known.rstrip("/\\") != folder.rstrip("/\\"):
            self.tally.note(
                f"several folders are called {name} and are one product;"
                " --map product_id=cwd keeps whole paths"
            )
        return name

    def id_of(self, format_id: str, source: Source, text: str) -> str:
        """Return an id for a record that has none, other for each identical record of a file."""
        digest = digest_of(format_id, text)
        nth = self.nth_of(f"{source.path}\0{digest}")
        return digest if nth == 1 else f"{digest}-{nth}"

    def described(self, call: Call, record: Fields) -> Call:
        """Return the call with what `--map` takes from its record."""
        if not self.options.columns:
            return call
        mapped = [(n, p) for n, p in self.options.columns.items() if n in DESCRIBING]
        extra = [(name, record.at(path)) for name, path in mapped]
        named = tuple((name, text) for name, text in extra if text)
        return call._replace(extra=(*call.extra, *named))


class Format:
    """One format of usage logs.  Subclasses say what they recognise, and read.

    `suffixes`: ends of the names of a tool's own files.
    """

    id = ""
    title = ""
    suffixes: Tuple[str, ...] = ()
    # The variable of the environment that says where they are.
    home_variable = ""
    # Fields that `--map` may fill.
    mapped: Tuple[str, ...] = DESCRIBING
    # Whether any table is of this format, where it is named.
    reads_any_table = False
    # Whether each line of its JSON Lines can be read without the others of the file.
    has_independent_lines = False
    # Whether its tool makes up a session for each request that names none.
    makes_up_sessions = False
    # Sentences about what this source cannot know.
    remarks: Tuple[str, ...] = ()

    def recognizes(self, record: Fields) -> bool:
        """Return whether a JSON record is of this format, by its keys."""
        return False

    def recognizes_columns(self, names: Names) -> bool:
        """Return whether a table with these columns is of this format."""
        return False

    def recognizes_database(self, tables: Names) -> bool:
        """Return whether a database with these tables is of this format."""
        return False

    def folders(self, environment: Mapping[str, str], home: str) -> List[str]:
        """Return where the tool keeps its logs on this machine, [] for none."""
        return []

    def files(self, folder: str) -> Iterable[str]:
        """Return the files that may hold calls below a folder laid out as the tool's own."""
        return ()

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the calls of a file, and the spans around them.  Raises OSError."""
        raise NotImplementedError

    def charges(self, source: Source, session: Session) -> Iterator[Charge]:
        """Yield what a file says was billed, nothing where it is no bill.  Raises OSError."""
        return iter(())

    def family(self, record: Record) -> str:
        """Return what a call shares with its possible copies under other ids, "" for nothing."""
        return ""

    def family_marks(self, keys: Sequence[str]) -> List[str]:
        """Return for each row, by its time and id with a comma between, a text that all calls
        of its family have; others may have it, too.
        """
        return list(keys)

    def settle(self, family: Sequence[Record]) -> List[str]:
        """Return the ids of those of a family of calls that are copies of others."""
        return []

    def wrappers(self, spans: Spans) -> Iterator[str]:
        """Yield the nodes of the spans that contain calls and are none themselves."""
        return iter(())


class Spans:
    """The spans of all traces by node.  Read by `wrappers`; filled by the import."""

    def parent_of(self, node: str) -> Optional[Span]:
        """Return the span around a node, None for a root."""
        raise NotImplementedError

    def of_kind(self, kind: str) -> Iterator[Span]:
        """Yield the spans of a kind."""
        raise NotImplementedError


Convert = Callable[[Item], Optional[Call]]


def calls_of(
    items: Iterable[Item], convert: Convert, source: Source, session: Session
) -> Iterator[Call]:
    """Yield what `convert` makes of each record; records that it refuses are counted.

    `convert` returns None for a record that is no call, and counts that itself.
    """
    for item in items:
        try:
            call = convert(item)
        except RejectedError as error:
            session.tally.reject(source.label, item.line, str(error))
            continue
        if call is not None:
            yield session.described(call, item.fields)


def page_rows(record: Fields, key: str) -> List[Fields]:
    """Return the records in a page of an API, `{"data": [...]}`; [] where it is a record itself,
    which has `key`.
    """
    rows = record.value("data")
    if not isinstance(rows, list) or key in record:
        return []
    return [Fields(row) for row in rows if isinstance(row, dict)]


def is_page_of(record: Fields, key: str) -> bool:
    """Return whether this is a page of an API with records that have `key`."""
    return any(key in row for row in page_rows(record, key)[:1])


def unpaged(items: Iterable[Item], key: str) -> Iterator[Item]:
    """Yield records, and in place of a page of them the records in it."""
    for item in items:
        rows = page_rows(item.fields, key)
        if rows:
            for row in rows:
                yield Item(item.line, row, repr(row.values))
        else:
            yield item


def charges_of(
    items: Iterable[Item],
    convert: Callable[[Item], Optional[Charge]],
    source: Source,
    session: Session,
) -> Iterator[Charge]:
    """Yield what `convert` makes of each record, None being no charge; refused ones are counted."""
    for item in items:
        try:
            charge = convert(item)
        except RejectedError as error:
            session.tally.reject(source.label, item.line, str(error))
            continue
        if charge is not None:
            yield charge


def digest_of(*parts: str) -> str:
    """Return sixteen hex digits that stand for these texts."""
    content = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()[:16]


def may_be_made(call_id: str) -> bool:
    """Return whether `Session.id_of` may have made an id out of what its record says.

    >>> may_be_made("csv:0123456789abcdef-2"), may_be_made("litellm:chatcmpl-1")
    (True, False)
    """
    return _MADE_ID(call_id) is not None


def error_kind(code: str) -> str:
    """Return the kind of an error by its HTTP status, or by a word for it.

    >>> error_kind("429"), error_kind("ThrottlingException"), error_kind("503"), error_kind("x")
    ('rate_limit', 'rate_limit', 'server_error', 'other')
    """
    plain = code.strip().lower()
    known: Dict[str, str] = {
        "401": "auth_error",
        "403": "auth_error",
        "408": "timeout",
        "429": "rate_limit",
    }
    if plain in known:
        return known[plain]
    if len(plain) == 3 and plain.isdigit() and plain[0] == "5":
        return "server_error"
    if "throttl" in plain or "ratelimit" in plain.replace("_", "").replace(" ", ""):
        return "rate_limit"
    if "timeout" in plain.replace("_", "").replace(" ", ""):
        return "timeout"
    if "auth" in plain or "api key" in plain:
        return "auth_error"
    return "other"


def project_of(folder: str) -> str:
    r"""Return the project that a working folder is of, whatever machine wrote its path.

    >>> project_of("/home/ann/shop/"), project_of("C:\\Users\\ann\\shop"), project_of("C:\\")
    ('shop', 'shop', 'C:')
    >>> project_of("/home/ann/we\\ird"), project_of("/srv/shop/.claude/worktrees/fix/src")
    ('we\\ird', 'shop')
    """
    path = folder.strip()
    is_windows = path[1:2] == ":" and path[:1].isalpha()
    if is_windows or path.startswith("\\\\"):
        path = path.replace("\\", "/")
    path = path.split("/.claude/worktrees/", 1)[0]
    return path.rstrip("/").rsplit("/", 1)[-1]


_MADE_ID = re.compile(r"[^:]*:[0-9a-f]{16}(-[0-9]+)?").fullmatch
_NAME = re.compile(r"[A-Za-z_$][\w.$/-]{0,39}(?: [\w.$/()-]{1,20}){0,2}").fullmatch
_SHOWN_NAMES = 12


def shown_names(names: Iterable[str]) -> str:
    """Return names of keys or columns for a message; what may be a sentence is not shown.

    >>> shown_names(["id", "Dear model, write a poem"]), shown_names([])
    ('id, …', 'none')
    """
    known = list(names)
    shown = [name for name in known[:_SHOWN_NAMES] if _NAME(name)]
    more = ["…"] if len(shown) < len(known) else []
    return ", ".join([*shown, *more]) or "none"
