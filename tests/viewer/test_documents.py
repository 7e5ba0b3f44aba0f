"""The documents in the viewer: complete, linked, and inert whatever a text holds."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Optional, Set, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.generators.markup import Token
from finops.viewer.documents import find_documents, rendered
from finops.viewer.markdown import plain, render, web_address
from tests.support.live import live
from tests.support.tools import ROOT

DOCUMENTS = find_documents(ROOT)
ALLOWED = {
    *("h2", "h3", "h4", "h5", "h6", "p", "pre", "code", "span", "div", "table", "thead", "tbody"),
    *("tr", "th", "td", "ul", "ol", "li", "a", "img", "strong", "em"),
}


class Page(HTMLParser):
    """Tags with their attributes, names of headings, levels of headings, and all text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: List[Tuple[str, Dict[str, Optional[str]]]] = []
        self.open: List[str] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " " if tag in ("td", "th", "li", "p") else ""
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str, name: str) -> List[str]:
        return [str(attributes[name]) for t, attributes in self.tags if t == tag]

    @property
    def names(self) -> Set[str]:
        return {str(attributes["id"]) for _, attributes in self.tags if "id" in attributes}


def shown(text: str) -> Page:
    body = render(text, web_address, lambda target: None).body
    page = Page(body)
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= ALLOWED
    return page


def pages() -> Dict[str, Page]:
    made_pages = {}
    for document in DOCUMENTS.values():
        made = rendered(document, DOCUMENTS)
        assert made is not None
        made_pages[document.name] = Page(made.body)
    return made_pages


def test_every_document_of_the_project_is_served(tmp_path: Path) -> None:
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= set(DOCUMENTS)
    with live(tmp_path) as running:
        listing = running.get("/docs").body.decode()
        for name in DOCUMENTS:
            assert f'href="/docs/{name}"' in listing
            answer = running.get(f"/docs/{name}")
            assert answer.status == 200
            title = re.search(r"^# (.+)$", DOCUMENTS[name].path.read_text(encoding="utf-8"), re.M)
            assert title is not None
            assert f"<h1>{html.escape(title[1])}</h1>" in answer.body.decode()
        assert running.get("/docs/nothing").status == 404
        assert running.get("/docs/..%2FREADME").status in (400, 404)


def test_links_between_documents_lead_to_their_headings() -> None:
    every = pages()
    count = 0
    for name, page in every.items():
        for target in page.attributes("a", "href"):
            if target.startswith("https://"):
                continue
            path, _, anchor = target.partition("#")
            linked = every[path[len("/docs/") :]] if path else page
            assert not anchor or anchor in linked.names, f"{name}: {target}"
            count += 1
    assert count, "the documents link to each other"


def test_all_words_of_a_document_are_on_its_page() -> None:
    for name, page in pages().items():
        text = re.sub(
            "<!--.*?-->", "", DOCUMENTS[name].path.read_text(encoding="utf-8"), flags=re.S
        )
        text = re.sub(r"\]\([^)\s]+\)|^# .*$|^```\w*$", " ", text, flags=re.M)
        words = set(re.findall(r"[A-Za-z]{4,}", text)) - set(re.findall("[A-Za-z]+", page.text))
        pictures = " ".join(page.attributes("img", "alt"))
        assert {word for word in words if word not in pictures} == set(), name


def test_headings_leave_no_level_out_and_have_names_of_their_own() -> None:
    for name, page in pages().items():
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[2-6]", tag)]
        assert all(now <= before + 1 for before, now in zip([1, *levels], levels)), name
        identifiers = [a["id"] for _, a in page.tags if "id" in a]
        assert len(identifiers) == len(set(identifiers)), name
    assert [tag for tag, _ in shown("# a\n\n#### b\n\n###### c\n\n## d").tags] == ["h2", "h3", "h2"]


def test_the_picture_of_the_architecture_is_on_its_page() -> None:
    (source,) = pages()["architecture"].attributes("img", "src")
    assert source.startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("a\nb", "<p>a b</p>\n"),
        ("**a** *b* _c_", "<p><strong>a</strong> <em>b</em> <em>c</em></p>\n"),
        ("`d<e`", "<p><code>d&lt;e</code></p>\n"),
        ("snake_case_name 2*3*4", "<p>snake_case_name 2*3*4</p>\n"),
        ("## A `b`", '<h2 id="a-b">A <code>b</code></h2>\n'),
        ("- a\n  b\n- c", "<ul>\n<li>a b</li>\n<li>c</li>\n</ul>\n"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        ("- a\n\n  ```\n  x\n  ```", None),
        ("```\n<b>\n```", '<pre class="code" tabindex="0"><code>&lt;b&gt;</code></pre>\n'),
        ("[a](https://b.example/c)", '<p><a href="https://b.example/c">a</a></p>\n'),
        ("[a `b`](nowhere.md)", "<p>a <code>b</code></p>\n"),
        ("<!-- c -->\na", "<p>a</p>\n"),
    ],
)  # fmt: skip
def test_what_the_documents_use(text: str, markup: Optional[str]) -> None:
    body = render(text, web_address, lambda target: None).body
    assert markup is None or body == markup
    shown(text)


def test_a_table() -> None:
    page = shown("| a | b |\n|---|--:|\n| 1 | `x\\|y` |\n| <i> | |\n")
    assert [tag for tag, _ in page.tags if tag in ("th", "tr", "td")] == [
        *("tr", "th", "th", "tr", "td", "td", "tr", "td", "td"),
    ]
    assert "x|y" in page.text
    assert "<i>" in page.text


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](https://b.example/\"onclick=alert(1))",
    "![a\" onload=\"alert(1)](x.png)",
    "![a](data:text/html,<script>)",
    "[a](//evil.example)",
    "[<b>](https://b.example)",
    "`<script>`",
    "## <script>alert(1)</script> \"x\" onclick=\"y",
    "| <svg onload=alert(1)> |\n|---|\n| \u202e |",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "```python\n'</span><script>'\n```",
    "\x00\x1b[31m",
)  # fmt: skip


def harmless(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag in ALLOWED
        assert set(attributes) <= {"id", "class", "tabindex", "role", "aria-label", "scope", "href"}
        assert re.match("https://|#|/docs/", attributes.get("href") or "#")
        assert re.fullmatch("[a-z0-9][a-z0-9_-]*", attributes.get("id") or "a")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(text: str) -> None:
    harmless(shown(text))
    harmless(shown(f"- {text}\n\n  more {text}"))


MARKS = ("- ", "1. ", "  ", "\n", "|", "`", "```", "#", "*", "[", "](", ")", "a")


@given(st.lists(st.sampled_from((*HOSTILE, *MARKS)), max_size=14))
def test_any_text_becomes_balanced_and_harmless_markup(parts: List[str]) -> None:
    harmless(shown("".join(parts)))


def test_pictures_and_links_stay_in_the_folder(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (docs / "link.png").symlink_to(tmp_path / "secret.png")
    (docs / "own.png").write_bytes(b"own")
    (docs / "b.md").write_text("# B\n")
    (docs / "a.md").write_text(
        "# A\n\n![s](../secret.png) ![l](link.png) ![o](own.png)\n\n"
        "[b](b.md) [c](../other/b.md) [d](b.md#x) [e](/etc/passwd)\n"
    )
    (docs / "bad name.md").write_text("# Bad\n")
    (docs / "other.md").symlink_to(docs / "b.md")
    documents = find_documents(tmp_path)
    assert list(documents) == ["a", "b"]
    made = rendered(documents["a"], documents)
    assert made is not None
    page = Page(made.body)
    assert page.attributes("img", "src") == ["data:image/png;base64,b3du"]
    assert page.attributes("a", "href") == ["/docs/b", "/docs/b#x"]
    documents["a"].path.unlink()
    assert rendered(documents["a"], documents) is None
    assert find_documents(tmp_path / "nothing") == {}


def test_an_installation_without_documents_says_so(tmp_path: Path) -> None:
    with live(tmp_path, project=tmp_path) as running:
        assert b"There are no documents in this installation." in running.get("/docs").body


def test_plain_text_of_a_title() -> None:
    assert plain("A [b `c`](d.md) **e** _f_") == "A b c e f"
    assert web_address("https://a.example/b?c=d#e") == Token("https://a.example/b?c=d#e")
    assert web_address("http://a.example") is None
