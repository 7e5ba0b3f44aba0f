"""Tables: the first rows as HTML, all rows as compact columns for sorting and download."""

from __future__ import annotations

import math
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Generic,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    TypeVar,
)

from finops import config
from finops.generators import formatting, sparklines
from finops.generators.charts import colour_of
from finops.generators.components import Part, lower_bound, severity_badge
from finops.generators.markup import (
    Markup,
    Token,
    fill,
    inert,
    join,
    json_block,
    json_number,
    token,
)
from finops.generators.navigation import EXPLORE_FILE
from finops.generators.packed_sums import Sums
from finops.generators.precision import column_cell, places_of
from finops.generators.recompute import Ratio, Recompute, Sum

SHOWN_ROWS = 25
FILTER_FROM_ROWS = 16
# A page stays within 200 KB: a longer table is cut in the page, and longer in the JSON file.
EMBEDDED_CELLS = 2_500
# Columns of numbers up to this place are aligned by a class of their table.
ALIGNED = 12
# Texts longer than this wrap; shorter ones stay on one line.
ONE_LINE = 32

# Significant digits that a long table keeps of fractions; the JSON file has all of them.
_LONG_TABLE = 100
_DIGITS = {"money": 6, "percent": 4, "share": 4}

# Names that the Explore page filters by are recognized by the column's kind or label.
_FOLLOWED_KINDS = ("provider", "model", "feature", "product")
_FOLLOWED_LABELS = {
    "Customer": "customer",
    "Organization": "organization",
    "Environment": "environment",
    "Product": "product",
    "Feature": "feature",
    "Provider": "provider",
}

# What calls are listed under that name no customer, feature and so on.
_NAMELESS = (config.UNKNOWN, config.UNALLOCATED)

_Row = TypeVar("_Row", contravariant=True)
_SomeRow = TypeVar("_SomeRow")


class Column(Generic[_Row]):
    """One column: how a row gives its value, heading, kind of value (of `formatting.KINDS`).

    `get` is a function of the row, such as `lambda row: row.total_cost`: rows are named tuples,
    so a field that is not there, or a table of other rows, fails the type check.

    `dot` sets the stable colour of an entity (provider, model, tier, feature, region) before
    its name; `bar` draws a percentage as a bar beside the number.  `unit` replaces the
    kind's own unit in the heading.  `order` ("ascending" or "descending") says that the rows
    come in the order of this column.

    A table with `sums` follows the chosen dates in the columns with `recompute`.  The columns
    with a `dimension` hold the values of that dimension of the sums, and so identify a row.

    `at_least` says of which rows the value is a lower bound: a sum over calls some of whose costs
    are not known.  `sparkline` says that a line at the end of the row shows the figure by day.
    Names that the Explore page filters by are links; `follows` names their dimension where kind
    and label do not.
    """

    def __init__(
        self,
        get: Callable[[_Row], object],
        label: str,
        kind: str = "text",
        dot: bool = False,
        bar: bool = False,
        unit: Optional[str] = None,
        recompute: Optional[Recompute] = None,
        order: str = "",
        dimension: str = "",
        at_least: Optional[Callable[[_Row], bool]] = None,
        sparkline: bool = False,
        follows: str = "",
    ) -> None:
        self.get = get
        self.label = label
        self.kind = kind
        self.dot = dot
        self.bar = bar
        self.unit = unit
        self.recompute = recompute
        self.order = order
        self.dimension = dimension
        self.at_least = at_least
        self.sparkline = sparkline
        self._follows = follows

    @property
    def numeric(self) -> bool:
        """Whether the cells are right-aligned numbers."""
        return formatting.KINDS[self.kind].numeric

    @property
    def followed(self) -> str:
        """The dimension of the Explore page that the cells name a value of, "" for none."""
        if self._follows:
            return self._follows
        if self.kind in _FOLLOWED_KINDS:
            return self.kind
        return _FOLLOWED_LABELS.get(self.label, "") if self.kind == "text" else ""

    @property
    def heading(self) -> str:
        """Label with the unit that the cells do not show themselves."""
        unit = self.unit
        if unit is None:
            unit = "ms" if self.kind == "ms" else ""
        return f"{self.label} ({unit})" if unit else self.label


def table(
    name: str,
    caption: str,
    columns: Sequence[Column[_SomeRow]],
    rows: Sequence[_SomeRow],
    lead: str = "",
    empty: str = "There is nothing to list here: no row of this data qualifies.",
    sums: Optional[Sums] = None,
    most_cells: int = EMBEDDED_CELLS,
) -> Part:
    """Return a table: sortable, with filter and download where scripts run.

    `name` is unique on the page and names the download; `rows` come in the order to show.  A
    value that is None shows as "n/a".  The page holds the rows of up to `most_cells` cells.  No
    rows give `empty`, a sentence on what was checked.
    With `sums` the columns that say how are recomputed for chosen dates, if the page holds every
    row, and the first with a `sparkline` is drawn by day at the end of each row, if the page has
    room.  Raises ValueError where a column is recomputed from a measure that the sums do not hold.
    """
    if not rows:
        markup = fill(
            '<section class="table"><h3>$caption</h3><p class="empty">$empty</p></section>',
            caption=caption,
            empty=empty,
        )
        return Part(markup)
    embedded = rows[: max(SHOWN_ROWS, most_cells // len(columns))]
    values = [[column.get(row) for row in embedded] for column in columns]
    long = [_is_long(*pair) for pair in zip(columns, values)]
    least = [_lower_bounds(column, embedded) for column in columns]
    places = [places_of(column.kind, given) for column, given in zip(columns, values)]
    shown = list(zip(*(column[:SHOWN_ROWS] for column in values)))
    follows = _follows(columns, values, sums) if sums else {}
    lines = _sparklines(columns, values, least, sums, follows)
    markup = fill(
        '<section class="table" id="table-$name"><h3 id="caption-$name">$caption</h3>$lead'
        "$tools"
        '<div class="scroll" tabindex="0" role="group" aria-labelledby="caption-$name">'
        '<table class="$aligned" aria-labelledby="caption-$name"><thead><tr>$head</tr></thead>'
        "<tbody>$body</tbody></table></div>$more</section>",
        name=token(name),
        caption=caption,
        lead=fill('<p class="lead">$lead</p>', lead=lead) if lead else Markup(""),
        tools=_tools(name, len(rows)),
        aligned=_aligned(columns),
        head=join([*map(_heading, columns), *_room(name, lines, 0, head=True)], ""),
        body=join(
            _row(
                columns,
                row,
                long,
                [at in bounds for bounds in least],
                places,
                _room(name, lines, at),
            )
            for at, row in enumerate(shown)
        ),
        more=_more(len(rows), len(embedded)),
    )
    data: Dict[str, object] = {
        "rows": len(embedded),
        "total": len(rows),
        "shown": SHOWN_ROWS,
        "columns": [_column_data(*each) for each in zip(columns, values, least, places)],
    }
    if follows:
        data["follows"] = follows
    if lines is None:
        return Part(markup, {"tables": {name: data}})
    data["spark"] = sparklines.script_form(lines)
    return Part(markup, {"tables": {name: data}, sparklines.SPARKLINES: {name: lines}})


def _sparklines(
    columns: Sequence[Column[_SomeRow]],
    values: Sequence[Sequence[object]],
    least: Sequence[Collection[int]],
    sums: Optional[Sums],
    follows: Mapping[str, Any],
) -> Optional[sparklines.Source]:
    """Return what the lines by day are drawn from, None where no column has some.

    Of a lower bound it is not known on which days how much is missing: it has no line either.
    """
    for column, given, bounds in zip(columns, values, least):
        figure = column.recompute
        if follows and sums and column.sparkline and isinstance(figure, (Sum, Ratio)):
            unknown = {at for at, value in enumerate(given) if value is None}.union(bounds)
            return sparklines.Source(
                column.label, column.kind, figure, sums, follows["row_of"], unknown
            )
    return None


def _room(
    name: str, lines: Optional[sparklines.Source], row: int, head: bool = False
) -> List[Markup]:
    return [sparklines.room(name, row, head)] if lines else []


def _aligned(columns: Sequence[Column[_SomeRow]]) -> Token:
    """Return the classes that align the numbers of a table by their columns, a tenth of the size
    of a class on each cell.
    """
    places = [at for at, column in enumerate(columns, start=1) if column.numeric]
    return Token(" ".join(["numbers", *(token(f"n{at}") for at in places if at <= ALIGNED)]))


def _follows(
    columns: Sequence[Column[_SomeRow]], values: Sequence[Sequence[object]], sums: Sums
) -> Dict[str, Any]:
    """Return what the script recomputes rows from: nothing where a sum has no row."""
    keys = [at for at, column in enumerate(columns) if column.dimension]
    rows = list(zip(*(values[at] for at in keys)))
    row_of = sums.rows_of([columns[at].dimension for at in keys], rows)
    if row_of is None:
        return {}
    for column in columns:
        sums.check(column.recompute)
    return {
        "sums": sums.name,
        "row_of": row_of,
        "count": _counted(sums),
        "over": [
            column.recompute.script_form if column.recompute and _is_known(given) else None
            for column, given in zip(columns, values)
        ],
        "keys": keys,
    }


def _is_known(values: Sequence[object]) -> bool:
    """Return whether some row of a column has a value: what is never known is not 0 on any day."""
    return any(value is not None for value in values)


def _counted(sums: Sums) -> str:
    """Return the measure that says whether a row has calls: a source may not count them."""
    for measure in ("calls", "tokens", "cost"):
        if any(map(any, sums.whole.get(measure, ()))):
            return measure
    return "calls"


def _tools(name: str, count: int) -> Markup:
    search = Markup("")
    if count >= FILTER_FROM_ROWS:
        search = Markup('<label>Filter <input type="search" autocomplete="off"></label>')
    return fill(
        '<div class="tools" hidden>$search<span class="count" role="status"></span>'
        '<button type="button" class="download">Download CSV</button></div>',
        search=search,
    )


def _heading(column: Column[_SomeRow]) -> Markup:
    style = token("number" if column.numeric else "words")
    if column.order:
        return fill(
            '<th scope="col" class="$style" aria-sort="$direction">$label</th>',
            style=style,
            direction=token(column.order),
            label=column.heading,
        )
    return fill('<th scope="col" class="$style">$label</th>', style=style, label=column.heading)


def _is_long(column: Column[_SomeRow], values: Sequence[object]) -> bool:
    return not column.numeric and any(len(str(value)) > ONE_LINE for value in values)


def _lower_bounds(column: Column[_SomeRow], rows: Sequence[_SomeRow]) -> List[int]:
    """Return the places of the rows whose value is a lower bound."""
    if column.at_least is None:
        return []
    return [at for at, row in enumerate(rows) if column.at_least(row)]


def _row(
    columns: Sequence[Column[_SomeRow]],
    row: Sequence[object],
    long: Sequence[bool],
    least: Sequence[bool],
    places: Sequence[Optional[int]],
    line: Sequence[Markup],
) -> Markup:
    cells = (_cell(*cell) for cell in zip(columns, row, long, least, places, range(len(row))))
    return fill("<tr>$cells</tr>", cells=join([*cells, *line], ""))


def _cell(
    column: Column[_SomeRow],
    value: object,
    long: bool,
    least: bool,
    places: Optional[int],
    at: int,
) -> Markup:
    shown = column_cell(column.kind, value, places)
    if least:
        shown = lower_bound(shown, value)
    if column.numeric:
        cell = Markup("<td>") if at < ALIGNED else Markup('<td class="number">')
        if not column.bar:
            return fill("$cell$value</td>", cell=cell, value=shown)
        drawn = bar(value, column.kind)
        return fill("$cell$bar<span>$value</span></td>", cell=cell, bar=drawn, value=shown)
    if column.kind == "severity":
        return fill("<td>$badge</td>", badge=severity_badge(str(value)))
    dot = _dot(column, value) if column.dot else Markup("")
    if column.followed and shown != formatting.MISSING:
        shown = _name_link(shown)
    template = '<td class="long">$dot$value</td>' if long else "<td>$dot$value</td>"
    return fill(template, dot=dot, value=shown)


def _name_link(shown: str) -> Markup:
    """Return a name as a link to the Explore page; the script adds which name it is."""
    return fill('<a href="$page">$name</a>', page=token(EXPLORE_FILE), name=shown)


def _dot(column: Column[_SomeRow], value: object) -> Markup:
    if value is None:
        return Markup("")
    return fill('<i class="dot c$index"></i>', index=token(colour_of(column.kind, value)))


def bar(value: Any, kind: str = "percent") -> Markup:
    """Return a percentage, or a share from 0 to 1, as a small bar; the text beside it says
    the same.
    """
    percent = float(value or 0) * (100 if kind == "share" else 1)
    width = math.floor(min(100.0, max(0.0, percent)) * 10) / 10
    return fill(
        '<svg class="bar" aria-hidden="true"><rect width="$width" height="8"></rect></svg>',
        width=token(f"{width:g}%"),
    )


def _more(count: int, embedded: int) -> Markup:
    if count <= SHOWN_ROWS:
        return Markup("")
    text = f"and {formatting.count(count - SHOWN_ROWS)} more"
    if embedded < count:
        text += (
            f". This page sorts, filters and downloads the first {formatting.count(embedded)}"
            f" of {formatting.count(count)} rows; the JSON file beside it holds {_in_json(count)}"
        )
    return fill('<p class="more">$text.</p>', text=text)


def shortened(markup: Markup, tables: Mapping[str, Dict[str, Any]], excess: int) -> Markup:
    """Take rows from the longest of a page's tables, until their data is `excess` bytes smaller.

    No table keeps fewer rows than are shown at first.  Changes `tables` and returns `markup` with
    what it says of their rows.  For pages on which no dates can be chosen, which change all rows.
    """
    sizes = {name: _bytes(data) for name, data in tables.items()}
    while excess > 0:
        cut = [name for name in sizes if tables[name]["rows"] > SHOWN_ROWS]
        if not cut:
            break
        name = max(cut, key=lambda each: sizes[each])
        data = tables[name]
        before = _more(data["total"], data["rows"])
        data["rows"] = max(SHOWN_ROWS, data["rows"] // 2)
        data.pop("follows", None)
        data["columns"] = [_first_rows(column, data["rows"]) for column in data["columns"]]
        start, marker, rest = markup.partition(f'id="table-{name}"')
        after = rest.replace(before, _more(data["total"], data["rows"]), 1)
        markup = Markup(start + marker + after)
        excess -= sizes[name] - _bytes(data)
        sizes[name] = _bytes(data)
    return markup


def _bytes(data: Mapping[str, Any]) -> int:
    return len(json_block(data).encode("utf-8"))


def _first_rows(column: Mapping[str, Any], count: int) -> Dict[str, Any]:
    """Return the data of a column with its first rows."""
    cut = dict(column)
    if "at" in cut:
        cut["at"] = cut["at"][:count]
        cut["words"] = cut["words"][: max(cut["at"]) + 1]
    else:
        cut["values"] = cut["values"][:count]
    if "least" in cut:
        cut["least"] = [at for at in cut["least"] if at < count]
    if "dots" in cut:
        names = set(cut.get("words") or cut["values"])
        cut["dots"] = {name: colour for name, colour in cut["dots"].items() if name in names}
    return cut


def _in_json(count: int) -> str:
    if count <= config.LISTED_ROWS:
        return "all"
    return f"the first {formatting.count(config.LISTED_ROWS)}, or with --all-rows all"


def _column_data(
    column: Column[_SomeRow],
    values: Sequence[object],
    least: Sequence[int],
    places: Optional[int],
) -> Dict[str, object]:
    data: Dict[str, object] = {"label": column.heading, "kind": column.kind}
    if places is not None:
        data["places"] = places
    if least:
        data["least"] = list(least)
    if column.bar:
        data["bar"] = 1
    if column.followed:
        data["by"] = column.followed
    if column.numeric:
        digits = _DIGITS.get(column.kind, 10) if len(values) > _LONG_TABLE else 10
        data["values"] = [json_number(value, digits) for value in values]
        return data
    if any(len(str(value)) > ONE_LINE for value in values):
        data["long"] = 1
    # The script writes weeks itself, as it sorts and downloads them by their number.
    kind = "text" if column.kind == "week" else column.kind
    names = [inert(formatting.cell(kind, value)) for value in values]
    distinct = list(dict.fromkeys(names))
    if len(distinct) * 2 <= len(names):
        place = {text: index for index, text in enumerate(distinct)}
        data.update(words=distinct, at=[place[text] for text in names])
    else:
        data["values"] = names
    if column.dot:
        by_name = {name: value for name, value in zip(names, values) if value is not None}
        data["dots"] = {text: colour_of(column.kind, value) for text, value in by_name.items()}
    return data


def texts(values: Iterable[object]) -> List[str]:
    """Return values as text, for chart labels; nothing for what is not known."""
    return ["" if value is None else str(value) for value in values]


def named(rows: Sequence[_SomeRow], column: Column[_SomeRow]) -> Sequence[_SomeRow]:
    """Return rows as they are, none where the only one is that of calls without a name."""
    alone = len(rows) == 1 and column.get(rows[0]) in _NAMELESS
    return [] if alone else rows


def per_million(per_thousand: Optional[float]) -> Optional[float]:
    """Return a price of 1,000 tokens as that of 1M, the unit of all pages."""
    return None if per_thousand is None else per_thousand * 1000
