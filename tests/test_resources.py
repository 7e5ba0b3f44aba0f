"""Reading the package's own files."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import pytest

import finops
from finops.resources import read_text, sources

PACKAGE = Path(finops.__file__).parent


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("assets/*")), ids=lambda path: f"{path.parts[-3]}/{path.name}"
)
def test_every_asset_is_read_as_it_is(path: Path) -> None:
    package = f"finops.{path.parts[-3]}"
    assert read_text(package, f"assets/{path.name}") == path.read_text(encoding="utf-8")


def test_a_file_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"none\.css"):
        read_text("finops.viewer", "assets/none.css")


def test_line_ends_do_not_depend_on_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pkgutil, "get_data", lambda package, name: b"a\r\nb\n")
    assert read_text("finops.viewer", "assets/dashboard.css") == "a\nb\n"


def test_the_sources_of_a_package_are_those_of_all_its_modules() -> None:
    files = (PACKAGE / "analyzers").rglob("*.py")
    assert sorted(sources("finops.analyzers")) == sorted(
        path.read_text(encoding="utf-8") for path in files
    )


def test_the_source_of_a_module_is_its_file() -> None:
    assert list(sources("finops.schema")) == [(PACKAGE / "schema.py").read_text(encoding="utf-8")]


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"finops\.none"):
        list(sources("finops.none"))
