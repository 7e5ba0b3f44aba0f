"""The package's own files, read through its loader: from a folder or from an archive alike."""

from __future__ import annotations

import pkgutil
from importlib.util import find_spec
from typing import TYPE_CHECKING, Iterator, cast

if TYPE_CHECKING:
    from importlib.abc import InspectLoader


def read_text(package: str, name: str) -> str:
    """Return a UTF-8 text file that lies in a package, such as `("finops.viewer", "assets/a.css")`.

    Line ends are "\\n", as a browser sees them when it checks a page's hashes, whatever a
    checkout made of them.
    Raises OSError where there is no such file.
    """
    content = pkgutil.get_data(package, name)
    if content is None:
        raise OSError(f"{package} has no file {name}")
    return content.decode("utf-8").replace("\r\n", "\n")


def sources(name: str) -> Iterator[str]:
    """Yield the source of a module and, where it is a package, of everything in it, in order.

    Raises ModuleNotFoundError where there is no such module.
    """
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    # The loaders of folders and of archives both have the method, whatever they are called.
    yield cast("InspectLoader", spec.loader).get_source(name) or ""
    inner = pkgutil.iter_modules(spec.submodule_search_locations or ())
    for module in sorted(inner_module.name for inner_module in inner):
        yield from sources(f"{name}.{module}")
