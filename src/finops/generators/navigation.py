"""The navigation that is the same on every page: reports by domain, Explore, contents, theme."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from finops.generators.markup import Markup, Token, fill, join, token

PRODUCT = "Revenium FinOps Showcase"
INDEX_FILE = "index.html"
EXPLORE_FILE = "explore.html"
DOMAIN_ORDER = ("FinOps", "Usage-Based Revenue", "Advanced Analytics")
_THEMES = Markup(
    '<label hidden>Theme <select id="theme"><option value="">System</option>'
    '<option value="light">Light</option><option value="dark">Dark</option></select></label>'
)


def page_link(filename: str, title: str, current: bool = False, folder: str = "") -> Markup:
    """Return a link to a page beside this one, or in a folder that is a constant.

    Raises ValueError for any other address.
    """
    template = '<a href="$filename">$title</a>'
    if current:
        template = '<a href="$filename" aria-current="page">$title</a>'
    return fill(template, filename=Token(folder + token(filename)), title=title)


def navigation(
    current: str,
    reports: Sequence[Mapping[str, Any]],
    contents: Mapping[str, str],
    folder: str = "",
    further: Sequence[Markup] = (),
) -> Markup:
    """Return the links of a page's head.

    `current` is the id of the page, `reports` are {id, title, domain} in reading order,
    `contents` the titles of the page's sections by their id.  `folder` is where the reports are
    for a page that lies elsewhere, a constant such as "/reports/"; `further` are its own links.
    """
    return fill(
        '<a class="product" href="$index">$product</a> $further $all $reports $explore '
        "$contents $theme",
        index=Token(folder + INDEX_FILE),
        product=PRODUCT,
        further=join(further, " "),
        all=page_link(INDEX_FILE, "All reports", current == "index", folder),
        reports=_menu("Reports", "reports", list(_domains(current, reports, folder)))
        if reports
        else Markup(""),
        explore=page_link(EXPLORE_FILE, "Explore", current == "explore", folder),
        contents=_contents(contents),
        theme=_THEMES,
    )


def _menu(title: str, style: str, columns: Sequence[Markup]) -> Markup:
    return fill(
        '<details class="$style"><summary>$title</summary><div>$columns</div></details>',
        style=token(style),
        title=title,
        columns=join(columns),
    )


def _domains(current: str, reports: Sequence[Mapping[str, Any]], folder: str) -> List[Markup]:
    by_domain: Dict[str, List[Markup]] = {name: [] for name in DOMAIN_ORDER}
    for report in reports:
        name = str(report["id"])
        link = page_link(f"{name}.html", str(report["title"]), name == current, folder)
        by_domain.setdefault(str(report.get("domain") or ""), []).append(
            fill("<li>$link</li>", link=link)
        )
    return [
        fill("<div><strong>$domain</strong><ul>$links</ul></div>", domain=domain, links=join(links))
        for domain, links in by_domain.items()
        if links
    ]


def _contents(contents: Mapping[str, str]) -> Markup:
    if len(contents) < 2:
        return Markup("")
    links = (
        fill('<li><a href="$place">$title</a></li>', place=_anchor(name), title=title)
        for name, title in contents.items()
    )
    return _menu("On this page", "contents", [fill("<ul>$links</ul>", links=join(links))])


def _anchor(name: str) -> Token:
    return Token(f"#{token(name)}")
