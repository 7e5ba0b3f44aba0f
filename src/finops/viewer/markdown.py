"""The project's documents as HTML: the part of Markdown that they use, and no more.

Headings, paragraphs, lists, tables, fenced code, links, pictures, bold, italic and code.  HTML in
a document is shown as the text that it is; comments are left out.  Everything passes through
`markup.fill`, and a link becomes one only where the caller knows where it leads.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterator, List, Match, NamedTuple, Optional, Tuple

from finops.generators.markup import Markup, Token, escape, fill, join
from finops.viewer.showcase import highlight

_FENCE = re.compile(r"^(```+)\s*([\w-]*)\s*$").match
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$").match
_ITEM = re.compile(r"^([-*]|[0-9]{1,3}\.)\s+(.*)$").match
_RULE_OF_TABLE = re.compile(r"^\|(?:\s*:?-+:?\s*\|)+\s*$").match
_COMMENT = re.compile(r"<!--.*?-->", re.S).sub
_CELL_END = re.compile(r"(?<!\\)\|")
_INLINE = re.compile(
    r"(?P<tick>`+)(?P<code>.+?)(?P=tick)(?!`)"
    r"|!\[(?P<alt>[^\]]*)\]\((?P<src>[^)\s]+)\)"
    r"|\[(?P<text>(?:`[^`]*`|[^\[\]`])+)\]\((?P<href>[^)\s]+)\)"
    r"|\*\*(?P<bold>(?!\s).+?)\*\*"
    r"|(?<!\w)[*_](?P<italic>(?![\s*_])[^*_]+)[*_](?!\w)"
)
_NAME_OF_HEADING = re.compile(r"[a-z0-9][a-z0-9_-]*").fullmatch
_WEB = re.compile(r"https://[A-Za-z0-9._~/%#?=+-]+").fullmatch

# Where a link or a picture of a document leads to, None where it is not to be one.
Address = Callable[[str], Optional[Token]]


class Rendered(NamedTuple):
    """A document: its title, its first paragraph as text, and the HTML of the rest."""

    title: str
    lead: str
    body: Markup


def web_address(target: str) -> Optional[Token]:
    """Return a plain https address as one that may stand in an attribute, else None."""
    return Token(escape(target)) if _WEB(target) else None


def heading_name(text: str) -> str:
    """Return what a heading is called in links.

    >>> heading_name("Names of `columns`, again")
    'names-of-columns-again'
    """
    return re.sub(r"[^\w\- ]", "", text).strip().lower().replace(" ", "-")


def render(text: str, address: Address, picture: Address) -> Rendered:
    """Return a document as HTML whose headings begin at the second level.

    `address` resolves the targets of links, `picture` those of pictures.
    """
    lines = _COMMENT("", text).splitlines()
    title, lead = "", ""
    for place, line in enumerate(lines):
        heading = _HEADING(line)
        if heading and len(heading.group(1)) == 1:
            title = heading.group(2)
            del lines[place]
            break
    writer = _Writer(address, picture)
    body = writer.blocks(lines)
    for kind, block in _split(lines):
        if kind == "paragraph" and not _picture_only(block):
            lead = lead or plain(" ".join(block))
            # What introduces an example says little without it.
            if not lead.endswith(":"):
                break
            lead = ""
    return Rendered(plain(title), lead, body)


def plain(text: str) -> str:
    """Return a text without its marks.

    >>> plain("**Costs** of `gpt-4o`, see [prices](prices.md)")
    'Costs of gpt-4o, see prices'
    """

    def kept(match: Match[str]) -> str:
        groups = match.groupdict()
        inner = groups["code"] or groups["alt"] or groups["text"]
        return plain(inner or groups["bold"] or groups["italic"] or "")

    return _INLINE.sub(kept, text) if _INLINE.search(text) else text


def _picture_only(lines: List[str]) -> bool:
    return all(line.startswith("![") for line in lines)


Block = Tuple[str, List[str]]


def _split(lines: List[str]) -> Iterator[Block]:
    """Yield the blocks of a text in order: what each is, and its lines."""
    place = 0
    while place < len(lines):
        line = lines[place]
        if not line.strip():
            place += 1
            continue
        kind, end = _block_at(lines, place)
        yield kind, lines[place:end]
        place = end


def _block_at(lines: List[str], place: int) -> Tuple[str, int]:
    """Return what begins at a line, and the place behind it."""
    line = lines[place]
    if _FENCE(line):
        fence = line.split(maxsplit=1)[0].rstrip("abcdefghijklmnopqrstuvwxyz")
        ends = [n for n in range(place + 1, len(lines)) if lines[n].strip() == fence]
        return "code", (ends[0] + 1 if ends else len(lines))
    if _HEADING(line):
        return "heading", place + 1
    if line.startswith("|") and place + 1 < len(lines) and _RULE_OF_TABLE(lines[place + 1]):
        return "table", _end(lines, place, lambda text: text.startswith("|"))
    if _ITEM(line):
        return "list", _end_of_list(lines, place)
    return "paragraph", _end(lines, place, lambda text: not _starts_block(text))


def _starts_block(line: str) -> bool:
    return not line.strip() or bool(_FENCE(line) or _HEADING(line) or _ITEM(line))


def _end(lines: List[str], place: int, goes_on: Callable[[str], bool]) -> int:
    end = place + 1
    while end < len(lines) and goes_on(lines[end]):
        end += 1
    return end


def _end_of_list(lines: List[str], place: int) -> int:
    """Return the place behind a list: items, what is indented below them, blank lines between."""
    end = place + 1
    while end < len(lines):
        line = lines[end]
        following = lines[end + 1] if end + 1 < len(lines) else ""
        blank_inside = not line.strip() and (following.startswith("  ") or _ITEM(following))
        if not (blank_inside or line.startswith("  ") or _ITEM(line)) and _starts_block(line):
            break
        end += 1
    return end


class _Writer:
    """Writes blocks as HTML; remembers the names of headings, so that each is there once."""

    def __init__(self, address: Address, picture: Address) -> None:
        self._address, self._picture = address, picture
        self._names: Dict[str, int] = {}
        self._level = 1

    def blocks(self, lines: List[str]) -> Markup:
        """Return the blocks of a text."""
        return join((getattr(self, f"_{kind}")(block) for kind, block in _split(lines)), "")

    def _heading(self, lines: List[str]) -> Markup:
        match = _HEADING(lines[0])
        assert match is not None
        # No level is left out, whatever the document does: screen readers list them as a tree.
        self._level = min(max(2, len(match.group(1))), self._level + 1)
        name = heading_name(plain(match.group(2)))
        self._names[name] = self._names.get(name, 0) + 1
        if self._names[name] > 1:
            name = f"{name}-{self._names[name] - 1}"
        content = self.inline(match.group(2))
        tag = f"h{self._level}"
        if not _NAME_OF_HEADING(name):
            return fill(f"<{tag}>$content</{tag}>\n", content=content)
        return fill(f'<{tag} id="$name">$content</{tag}>\n', name=Token(name), content=content)

    def _paragraph(self, lines: List[str]) -> Markup:
        return fill("<p>$content</p>\n", content=self.inline(" ".join(map(str.strip, lines))))

    def _code(self, lines: List[str]) -> Markup:
        match = _FENCE(lines[0])
        text = "\n".join(lines[1:-1] if len(lines) > 1 else [])
        is_python = match is not None and match.group(2) == "python"
        content = Markup(highlight(text)) if is_python else escape(text)
        return fill('<pre class="code" tabindex="0"><code>$content</code></pre>\n', content=content)

    def _table(self, lines: List[str]) -> Markup:
        names, *rows = [_cells(line) for line in lines if not _RULE_OF_TABLE(line)]
        head = join((self._cell("th", name) for name in names), "")
        body = join(
            fill("<tr>$cells</tr>", cells=join((self._cell("td", cell) for cell in row), ""))
            for row in rows
        )
        return fill(
            '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>'
            "<thead><tr>$head</tr></thead>\n<tbody>\n$body\n</tbody></table></div>\n",
            head=head,
            body=body,
        )

    def _cell(self, kind: str, text: str) -> Markup:
        if kind == "td" or not text:
            return fill("<td>$content</td>", content=self.inline(text))
        return fill('<th scope="col">$content</th>', content=self.inline(text))

    def _list(self, lines: List[str]) -> Markup:
        items: List[List[str]] = []
        for line in lines:
            match = _ITEM(line)
            if match:
                items.append([match.group(2)])
            else:
                items[-1].append(line.strip() if line.strip() else "")
        tag = "ol" if lines[0][0].isdigit() else "ul"
        inside = join(
            (fill("<li>$content</li>\n", content=self._content(item)) for item in items), ""
        )
        return fill(f"<{tag}>\n$inside</{tag}>\n", inside=inside)

    def _content(self, lines: List[str]) -> Markup:
        """Return what an item holds: one paragraph without its frame, else blocks."""
        blocks = list(_split(lines))
        if len(blocks) == 1 and blocks[0][0] == "paragraph":
            return self.inline(" ".join(lines))
        return self.blocks(lines)

    def inline(self, text: str) -> Markup:
        """Return a text with its marks as HTML."""
        parts: List[Markup] = []
        place = 0
        for match in _INLINE.finditer(text):
            parts.append(escape(text[place : match.start()]))
            parts.append(self._marked(match))
            place = match.end()
        parts.append(escape(text[place:]))
        return join(parts, "")

    def _marked(self, match: Match[str]) -> Markup:
        groups = match.groupdict()
        if groups["code"] is not None:
            return fill("<code>$code</code>", code=groups["code"].strip())
        if groups["src"] is not None:
            return self._image(groups["src"], groups["alt"])
        if groups["href"] is not None:
            content, target = self.inline(groups["text"]), self._address(groups["href"])
            if target is None:
                return content
            return fill('<a href="$target">$content</a>', target=target, content=content)
        if groups["bold"] is not None:
            return fill("<strong>$content</strong>", content=self.inline(groups["bold"]))
        return fill("<em>$content</em>", content=self.inline(groups["italic"]))

    def _image(self, source: str, text: str) -> Markup:
        target = self._picture(source)
        if target is None:
            return fill("<em>$text</em>", text=text)
        # The text is a document's own, escaped for an attribute as for content.
        return fill('<img src="$target" alt="$text">', target=target, text=Token(escape(text)))


def _cells(line: str) -> List[str]:
    """Return the cells of a line of a table."""
    return [cell.replace("\\|", "|").strip() for cell in _CELL_END.split(line.strip().strip("|"))]
