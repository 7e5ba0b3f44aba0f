"""Tables: the first rows as HTML, all rows as compact columns for sorting and download."""

from __future__ import annotations

import math
from typing import Any, Container, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops.generators import formatting
from finops.generators.charts import colour_of
from finops.generators.components import Part, severity_badge
from finops.generators.markup import Markup, fill, inert, join, json_number, token
from finops.generators.packed_sums import Sums

SHOWN_ROWS = 25
FILTER_FROM_ROWS = 16
# A page stays within 200 KB: a longer table is cut in the page and complete in the JSON file.
EMBEDDED_CELLS = 5_000
# Texts longer than this wrap; shorter ones stay on one line.
ONE_LINE = 32

# Significant digits that a long table keeps of fractions; the JSON file has all of them.
_LONG_TABLE = 100
_DIGITS = {"money": 6, "percent": 4, "share": 4}

Row = Mapping[str, Any]


class Column(NamedTuple):
    """One column: key in the rows, heading, kind of value (a key of `formatting.KINDS`).

    `dot` sets the stable colour of an entity (provider, model, tier, feature, region) before
    its name; `bar` draws a percentage as a bar beside the number.  `unit` replaces the
    kind's own unit in the heading.  `over` lets the cells of a table that has `Over` follow the
    chosen dates: (measure, how), where how is "sum", "per:other", "percent:other",
    "thousand:other", "million:other" (the sum divided by that of another measure, times 1, 100,
    1,000 or 1,000,000),
    "share" (percent of the sum of all rows), "part" (the same from 0 to 1) or "distinct" (the
    values that the sums were told to count).
    """

    key: str
    label: str
    kind: str = "text"
    dot: bool = False
    bar: bool = False
    unit: Optional[str] = None
    over: Optional[Tuple[str, str]] = None

    @property
    def numeric(self) -> bool:
        """Whether the cells are right-aligned numbers."""
        return formatting.KINDS[self.kind].numeric

    @property
    def heading(self) -> str:
        """Label with the unit that the cells do not show themselves."""
        unit = self.unit
        if unit is None:
            unit = "ms" if self.kind == "ms" else ""
        return f"{self.label} ({unit})" if unit else self.label


class Over(NamedTuple):
    """What a table's rows are recomputed from for chosen dates: sums, and the keys of a row.

    Rows in which the measure `present` sums to 0 are left out.
    """

    sums: Optional[Sums]
    by: Tuple[str, ...]
    present: str = "calls"


def table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    lead: str = "",
    empty: str = "There is nothing to list here: no row of this data qualifies.",
    order: Optional[Tuple[str, str]] = None,
    over: Optional[Over] = None,
) -> Part:
    """Return a table: sortable, with filter and download where scripts run.

    `name` is unique on the page and names the download; `rows` come in the order to show;
    `order` says which column that is: (key, "ascending" | "descending").  A key missing in a
    row shows as "n/a".  No rows give `empty`, a sentence on what was looked for.  With `over`
    the columns that say how are recomputed for chosen dates, if the page holds every row.
    """
    if not rows:
        markup = fill(
            '<section class="table"><h3>$caption</h3><p class="empty">$empty</p></section>',
            caption=caption,
            empty=empty,
        )
        return Part(markup)
    long = {column.key for column in columns if _is_long(column, rows)}
    embedded = rows[: max(SHOWN_ROWS, EMBEDDED_CELLS // len(columns))]
    markup = fill(
        '<section class="table" id="table-$name"><h3 id="caption-$name">$caption</h3>$lead'
        "$tools"
        '<div class="scroll" tabindex="0" role="group" aria-labelledby="caption-$name">'
        '<table aria-labelledby="caption-$name"><thead><tr>$head</tr></thead>'
        "<tbody>$body</tbody></table></div>$more</section>",
        name=token(name),
        caption=caption,
        lead=fill('<p class="lead">$lead</p>', lead=lead) if lead else Markup(""),
        tools=_tools(name, len(rows)),
        head=join((_heading(column, order) for column in columns), ""),
        body=join(_row(columns, row, long) for row in rows[:SHOWN_ROWS]),
        more=_more(len(rows), len(embedded)),
    )
    data = _embedded(columns, embedded, len(rows))
    if over:
        data.update(_follows(columns, embedded, over))
    return Part(markup, {"tables": {name: data}})


def _follows(columns: Sequence[Column], rows: Sequence[Row], over: Over) -> Dict[str, Any]:
    """Return what the script recomputes rows from: nothing where a sum has no row."""
    row_of = over.sums.rows_of(over.by, rows) if over.sums else None
    if over.sums is None or row_of is None:
        return {}
    follows = {
        "sums": over.sums.name,
        "row_of": row_of,
        "count": over.present,
        "over": [list(column.over) if column.over else None for column in columns],
        "keys": [at for at, column in enumerate(columns) if column.key in over.by],
    }
    return {"follows": follows}


def _tools(name: str, count: int) -> Markup:
    search = Markup("")
    if count >= FILTER_FROM_ROWS:
        search = Markup('<label>Filter <input type="search" autocomplete="off"></label>')
    return fill(
        '<div class="tools" hidden>$search<span class="count" role="status"></span>'
        '<button type="button" class="download">Download CSV</button></div>',
        search=search,
    )


def _heading(column: Column, order: Optional[Tuple[str, str]]) -> Markup:
    style = token("number" if column.numeric else "words")
    if order and order[0] == column.key:
        return fill(
            '<th scope="col" class="$style" aria-sort="$direction">$label</th>',
            style=style,
            direction=token(order[1]),
            label=column.heading,
        )
    return fill('<th scope="col" class="$style">$label</th>', style=style, label=column.heading)


def _is_long(column: Column, rows: Sequence[Row]) -> bool:
    return not column.numeric and any(len(str(row.get(column.key))) > ONE_LINE for row in rows)


def _row(columns: Sequence[Column], row: Row, long: Container[str]) -> Markup:
    cells = (_cell(column, row.get(column.key), column.key in long) for column in columns)
    return fill("<tr>$cells</tr>", cells=join(cells, ""))


def _cell(column: Column, value: Any, long: bool) -> Markup:
    shown = formatting.cell(column.kind, value)
    if column.numeric:
        if not column.bar:
            return fill('<td class="number">$value</td>', value=shown)
        drawn = bar(value, column.kind)
        return fill('<td class="number">$bar<span>$value</span></td>', bar=drawn, value=shown)
    if column.kind == "severity":
        return fill("<td>$badge</td>", badge=severity_badge(str(value)))
    dot = _dot(column, value) if column.dot else Markup("")
    template = '<td class="long">$dot$value</td>' if long else "<td>$dot$value</td>"
    return fill(template, dot=dot, value=shown)


def _dot(column: Column, value: Any) -> Markup:
    return fill('<i class="dot c$index"></i>', index=token(colour_of(column.kind, value)))


def bar(value: Any, kind: str = "percent") -> Markup:
    """Return a percentage, or a share from 0 to 1, as a small bar; the text beside it says
    the same.
    """
    percent = float(value or 0) * (100 if kind == "share" else 1)
    width = math.floor(min(100.0, max(0.0, percent)) * 10) / 10
    return fill(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="whole" width="100" height="8"></rect>'
        '<rect class="part" width="$width" height="8"></rect></svg>',
        width=token(f"{width:g}"),
    )


def _more(count: int, embedded: int) -> Markup:
    if count <= SHOWN_ROWS:
        return Markup("")
    text = f"and {formatting.count(count - SHOWN_ROWS)} more"
    if embedded < count:
        text += (
            f". This page sorts, filters and downloads the first {formatting.count(embedded)}"
            f" of {formatting.count(count)} rows; the JSON file beside it holds all"
        )
    return fill('<p class="more">$text.</p>', text=text)


def _embedded(columns: Sequence[Column], rows: Sequence[Row], count: int) -> Dict[str, Any]:
    return {
        "rows": len(rows),
        "total": count,
        "shown": SHOWN_ROWS,
        "columns": [
            _column_data(column, [row.get(column.key) for row in rows]) for column in columns
        ],
    }


def _column_data(column: Column, values: Sequence[Any]) -> Dict[str, Any]:
    data: Dict[str, Any] = {"label": column.heading, "kind": column.kind}
    if column.bar:
        data["bar"] = 1
    if column.numeric:
        digits = _DIGITS.get(column.kind, 10) if len(values) > _LONG_TABLE else 10
        data["values"] = [json_number(value, digits) for value in values]
        return data
    if any(len(str(value)) > ONE_LINE for value in values):
        data["long"] = 1
    names = [inert(formatting.cell(column.kind, value)) for value in values]
    distinct = list(dict.fromkeys(names))
    if len(distinct) * 2 <= len(names):
        place = {text: index for index, text in enumerate(distinct)}
        data.update(words=distinct, at=[place[text] for text in names])
    else:
        data["values"] = names
    if column.dot:
        by_name = dict(zip(names, values))
        data["dots"] = {text: colour_of(column.kind, by_name[text]) for text in distinct}
    return data


def texts(rows: Sequence[Row], key: str) -> List[str]:
    """Return one key of all rows as text, for chart labels."""
    return [str(row.get(key, "")) for row in rows]
