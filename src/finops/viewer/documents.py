"""The documents of the project, read where they lie and shown in the viewer's look.

They are found by listing the folder once at the start; a name from a request is only ever
compared with what was found.  An installation without them has an empty list.
"""

from __future__ import annotations

import posixpath
from base64 import b64encode
from pathlib import Path
from typing import Dict, Iterator, Mapping, NamedTuple, Optional

from finops.generators.markup import Token, escape
from finops.regular_files import read_regular
from finops.viewer import markdown
from finops.viewer.markdown import Rendered, heading_name, web_address

_FOLDER = "docs"
_BESIDE = ("CONTRIBUTING.md",)  # in the folder above
_MOST_BYTES = 4 << 20
_PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}


class Document(NamedTuple):
    """One document: `name` is that of its file without the ending, `path` where it lies."""

    name: str
    path: Path


def find_documents(folder: Path) -> Dict[str, Document]:
    """Return the documents of a project's folder by name, in the order of their names."""
    paths = [*sorted((folder / _FOLDER).glob("*.md")), *(folder / name for name in _BESIDE)]
    return {path.stem: Document(path.stem, path) for path in paths if _is_plain(path)}


def _is_plain(path: Path) -> bool:
    name = path.stem.replace("-", "").replace("_", "")
    return path.is_file() and not path.is_symlink() and name.isascii() and name.isalnum()


def rendered(document: Document, documents: Mapping[str, Document]) -> Optional[Rendered]:
    """Return a document as HTML, None where it cannot be read any more."""
    try:
        text = read_regular(document.path, _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None

    def address(target: str) -> Optional[Token]:
        return _address(target, document, documents)

    def picture(target: str) -> Optional[Token]:
        return _picture(document.path.parent, target)

    return markdown.render(text, address, picture)


class Outline(NamedTuple):
    """What a list of documents says of one."""

    name: str
    title: str
    lead: str


def outlines(documents: Mapping[str, Document]) -> Iterator[Outline]:
    """Yield what the documents that can be read are about, in their order."""
    for document in documents.values():
        page = rendered(document, documents)
        if page is not None:
            yield Outline(document.name, page.title or document.name, page.lead)


def _address(target: str, document: Document, documents: Mapping[str, Document]) -> Optional[Token]:
    """Return where a link of a document leads to in the viewer, None where to nothing in it."""
    path, _, anchor = target.partition("#")
    if anchor and heading_name(anchor) != anchor:
        return None
    if not path:
        return Token(escape(f"#{anchor}")) if anchor else None
    if path.startswith("https:"):
        return web_address(target)
    stem, ending = posixpath.splitext(posixpath.basename(path))
    linked = documents.get(stem)
    if ending != ".md" or linked is None or not _is_same(document.path.parent / path, linked.path):
        return None
    return Token(escape(f"/docs/{stem}" + (f"#{anchor}" if anchor else "")))


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.resolve() == other.resolve()
    except (OSError, RuntimeError, ValueError):
        return False


def _picture(folder: Path, target: str) -> Optional[Token]:
    """Return a picture that lies in the folder as an address that holds it."""
    path = folder / posixpath.basename(target)
    kind = _PICTURES.get(path.suffix)
    if kind is None or path.name != target:
        return None
    try:
        content = read_regular(path, _MOST_BYTES, follow=False)
    except (OSError, ValueError):
        return None
    return Token(f"data:{kind};base64,{b64encode(content).decode('ascii')}")
