"""What is to be imported: from names and paths to files by format."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from finops.errors import DataError, UsageError
from finops.importers import find_format, format_ids, tool_formats
from finops.importers.base import Format, shown_names
from finops.importers.detection import detect, match_of
from finops.importers.discovery import RealPaths, files_below
from finops.importers.kinds import is_table
from finops.importers.run import Input
from finops.importers.sources import Source
from finops.importers.tally import Tally

LOCAL = "local"


def tool_names() -> Tuple[str, ...]:
    """Return the names that stand for the logs of tools on this machine, `local` for all."""
    return (*(format.id for format in tool_formats()), LOCAL)


def inputs_of(
    name: str, paths: Sequence[str], tally: Tally, environment: Mapping[str, str], home: str
) -> Tuple[Input, ...]:
    """Return the files of some paths by format; without paths, those that a tool keeps.

    `name` is a format's id, `local`, or "" for whatever the files are.
    Raises UsageError where nothing says what to read, DataError where no file is of any format.
    """
    if not paths:
        return _local(name, environment, home, tally)
    format = _format(name) if name and name != LOCAL else None
    collected: Dict[str, List[Source]] = {}
    seen: Set[str] = set()
    real_paths = RealPaths()
    for path in paths:
        for its_format, source in _files_of(path, format, tally):
            real = real_paths.of(source.path)
            if real not in seen:
                seen.add(real)
                collected.setdefault(its_format.id, []).append(source)
    return tuple(Input(_format(name), tuple(sources)) for name, sources in collected.items())


def _format(name: str) -> Format:
    format = find_format(name)
    if format is None:
        known = ", ".join(format_ids())
        raise UsageError(f"no format {name}; choose from {known}")
    return format


def _local(name: str, environment: Mapping[str, str], home: str, tally: Tally) -> Tuple[Input, ...]:
    """Return the files that tools keep on this machine."""
    wanted = tool_formats() if name in ("", LOCAL) else (_format(name),)
    if not name:
        raise UsageError("nothing to import; give a file, a folder, or the name of a tool")
    looked: List[str] = []
    inputs = []
    for format in wanted:
        folders = format.folders(environment, home)
        looked += folders
        paths = [path for folder in folders for path in _own_files(format, folder)]
        sources = tuple(Source(path, path) for path in _distinct(paths))
        if sources:
            inputs.append(Input(format, sources))
    hint = _about_wsl(wanted, environment)
    if inputs:
        if hint:
            tally.note(hint)
        return tuple(inputs)
    if not looked:
        raise UsageError(f"where are the files of {name}? give a file or a folder")
    raise DataError(
        f"no logs of {name}: looked in {', '.join(looked)}; give a folder{hint and '; '}{hint}"
    )


def _is_windows() -> bool:
    return os.name == "nt"


def _about_wsl(formats: Sequence[Format], environment: Mapping[str, str]) -> str:
    """Return how to read logs of the Linux inside Windows, "" where there is none to read."""
    unset = [f.home_variable for f in formats if f.home_variable not in ("", *environment)]
    if not _is_windows() or not unset:
        return ""
    return (
        f"logs inside WSL are not found by themselves; set {unset[0]} to their folder below"
        " \\\\wsl.localhost\\DISTRIBUTION\\home"
    )


def _distinct(paths: Sequence[str]) -> Iterator[str]:
    seen: Set[str] = set()
    real_paths = RealPaths()
    for path in paths:
        real = real_paths.of(path)
        if real not in seen:
            seen.add(real)
            yield path


def _own_files(format: Format, folder: str) -> List[str]:
    return list(format.files(folder))


def _files_of(path: str, format: Optional[Format], tally: Tally) -> Iterator[Tuple[Format, Source]]:
    if os.path.isdir(path):
        yield from _folder(path, format, tally)
        return
    source = Source(path, path)
    if not os.path.exists(path):
        raise DataError(f"{path} does not exist")
    try:
        yield format or detect(source), source
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None


def _folder(path: str, format: Optional[Format], tally: Tally) -> Iterator[Tuple[Format, Source]]:
    """Yield the files of a folder: as a tool lays it out, else those that are recognised."""
    laid_out = [
        (each, Source(file, file))
        for each in ([format] if format else tool_formats())
        for file in _own_files(each, path)
    ]
    if laid_out:
        yield from laid_out
        return
    keys: List[str] = []
    matched = False
    for file in files_below(path, on_dead_link=lambda link: _dead(link, tally)):
        source = Source(file, file)
        match = match_of(source)
        fitting = [each for each in match.formats if format is None or each is format]
        if format is not None and format.reads_any_table and is_table(source):
            fitting = [format]
        if len(fitting) == 1:
            matched = True
            yield fitting[0], source
        else:
            tally.skipped["other files"] += 1
            keys = keys or list(match.keys)
    if not matched:
        wanted = "no known format" if format is None else format.id
        raise DataError(f"no file in {path} is of {wanted} (keys: {shown_names(keys)})")


def _dead(link: str, tally: Tally) -> None:
    tally.note(f"{link} links to nothing")
