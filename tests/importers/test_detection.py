"""Which format a file is of, and where files are found."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import List

import pytest

from finops.errors import DataError, UsageError
from finops.importers import all_formats, find_format, format_ids, tool_formats
from finops.importers.detection import detect
from finops.importers.discovery import files_below
from finops.importers.inputs import LOCAL, inputs_of, tool_names
from finops.importers.resolve import is_foreign
from finops.importers.run import Input
from finops.importers.sources import Source
from finops.importers.tally import Tally
from tests.support.imports import json_lines, write_all
from tests.support.vendor_logs import VENDORS, Use

USES = [Use(5, 4, 3, 2, 1)]
# A table of calls has no columns by which it could be told from others.
DETECTED = [name for name in format_ids() if name != "csv"]


def inputs(*paths: Path, name: str = "", home: str = "/nowhere") -> List[Input]:
    return list(inputs_of(name, [str(path) for path in paths], Tally(), {}, home))


@pytest.mark.parametrize("format_id", DETECTED)
def test_every_format_is_known_by_its_keys(format_id: str, tmp_path: Path) -> None:
    (path, *_) = write_all(tmp_path, VENDORS[format_id].write(USES, "x"))
    assert detect(Source(str(path), "x")).id == format_id
    assert is_foreign(str(path))


def test_a_key_behind_a_long_prompt_is_found(tmp_path: Path) -> None:
    record = {"prompt": "x" * 300_000, "startTime": "2026-03-01", "spend": 1}
    (path,) = write_all(tmp_path, {"a.json": json.dumps([record], indent=1)})
    assert detect(Source(str(path), "x")).id == "litellm"


def test_a_session_may_begin_with_lines_of_no_format(tmp_path: Path) -> None:
    lines = [{"type": "summary"}] * 50 + [{"type": "assistant", "sessionId": "s"}]
    (path,) = write_all(tmp_path, {"a.jsonl": json_lines(lines)})
    assert detect(Source(str(path), "x")).id == "claude-code"


@pytest.mark.parametrize("content", ['{"id": 1, "amount": 2}\n', "id,amount\n1,2\n"])
def test_an_unknown_file_is_refused_with_its_keys(tmp_path: Path, content: str) -> None:
    (path,) = write_all(tmp_path, {"a.log": content})
    with pytest.raises(DataError, match=r"no known format \(keys: id, amount\)"):
        detect(Source(str(path), "a.log"))
    assert not is_foreign(str(path))


def test_text_of_a_file_without_keys_is_not_shown(tmp_path: Path) -> None:
    (path,) = write_all(tmp_path, {"a.txt": "Dear model, please write a long poem\nabout it\n"})
    with pytest.raises(DataError) as raised:
        detect(Source(str(path), "a.txt"))
    assert "poem" not in str(raised.value)


def test_two_formats_that_fit_are_both_named(tmp_path: Path) -> None:
    record = {"startTime": "2026-03-01", "spend": 1, "request_created_at": "2026-03-01"}
    (path,) = write_all(tmp_path, {"a.jsonl": json_lines([record])})
    with pytest.raises(DataError, match="litellm and helicone"):
        detect(Source(str(path), "a.jsonl"))


def test_spans_of_a_console_are_refused_by_name(tmp_path: Path) -> None:
    record = {"context": {"trace_id": "1"}, "attributes": {}}
    (path,) = write_all(tmp_path, {"a.jsonl": json_lines([record])})
    with pytest.raises(DataError, match="export them as OTLP"):
        detect(Source(str(path), "a.jsonl"))


def test_a_database_is_known_by_its_tables(tmp_path: Path) -> None:
    for name, table in (("a.db", "session_message"), ("b.db", "other")):
        with closing(sqlite3.connect(str(tmp_path / name))) as database, database:
            database.execute(f"CREATE TABLE {table} (id, data)")
    assert detect(Source(str(tmp_path / "a.db"), "x")).id == "opencode"
    with pytest.raises(DataError, match="keys: other"):
        detect(Source(str(tmp_path / "b.db"), "x"))


def test_a_folder_gives_the_files_of_known_formats_each_to_its_own(tmp_path: Path) -> None:
    for name in ("litellm", "openrouter"):
        write_all(tmp_path, VENDORS[name].write(USES, "x"))
    write_all(tmp_path, {"notes.txt": "hello\n", "other.json": "{}"})
    given = {each.format.id: len(each.sources) for each in inputs(tmp_path)}
    assert given == {"litellm": 1, "openrouter": 1}


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    write_all(tmp_path, {"notes.txt": "hello\n"})
    with pytest.raises(DataError, match="no known format"):
        inputs(tmp_path)


def test_a_file_is_read_once_however_often_it_is_named(tmp_path: Path) -> None:
    (path,) = write_all(tmp_path, VENDORS["litellm"].write(USES, "x"))
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    assert [len(each.sources) for each in inputs(path, path, link)] == [1]


def test_folders_that_lead_in_a_circle_end_and_dead_links_are_named(tmp_path: Path) -> None:
    write_all(tmp_path, {"a/b/one.jsonl": "", "a/two.json": ""})
    (tmp_path / "a" / "b" / "round").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "dead.jsonl").symlink_to(tmp_path / "nothing")
    dead: List[str] = []
    names = [os.path.basename(p) for p in files_below(str(tmp_path), (".jsonl",), dead.append)]
    assert names == ["one.jsonl"]
    assert dead == [str(tmp_path / "a" / "dead.jsonl")]


HOME_OF = {
    "claude-code": ".claude",
    "codex": ".codex",
    "gemini-cli": ".gemini",
    "opencode": ".local/share/opencode",
}


def test_local_finds_the_logs_of_all_tools(tmp_path: Path) -> None:
    assert set(HOME_OF) == {format.id for format in tool_formats()}
    assert set(tool_formats()) == {
        format for format in all_formats() if format.folders({}, "/home")
    }
    for name, folder in HOME_OF.items():
        write_all(tmp_path / folder, VENDORS[name].write(USES, "x"))
    given = inputs(name=LOCAL, home=str(tmp_path))
    assert {each.format.id: len(each.sources) for each in given} == dict.fromkeys(HOME_OF, 1)


def test_without_any_one_line_lists_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        inputs(name=LOCAL, home=str(tmp_path))
    line = str(raised.value)
    assert "\n" not in line
    assert all(str(tmp_path / folder) in line for folder in HOME_OF.values())


def test_both_usual_folders_of_claude_code_are_read(tmp_path: Path) -> None:
    for folder in (".claude", ".config/claude"):
        write_all(tmp_path / folder, {f"projects/{folder[1:3]}.jsonl": "{}\n"})
    (given,) = inputs(name="claude-code", home=str(tmp_path))
    assert len(given.sources) == 2


def test_a_list_of_folders_is_split_at_commas_only() -> None:
    format = find_format("claude-code")
    assert format is not None
    environment = {"CLAUDE_CONFIG_DIR": "C:\\logs, \\\\wsl.localhost\\x"}
    assert format.folders(environment, "/home/ann") == ["C:\\logs", "\\\\wsl.localhost\\x"]


def test_windows_says_how_to_read_logs_inside_its_linux(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finops.importers.inputs._is_windows", lambda: True)
    with pytest.raises(DataError, match=r"set CLAUDE_CONFIG_DIR to .* \\\\wsl\.localhost\\"):
        inputs(name="claude-code", home=str(tmp_path))
    write_all(tmp_path / ".claude", VENDORS["claude-code"].write(USES, "x"))
    for environment, notes in (({}, 1), ({"CLAUDE_CONFIG_DIR": str(tmp_path / ".claude")}, 0)):
        tally = Tally()
        assert inputs_of("claude-code", [], tally, environment, str(tmp_path))
        assert len(tally.notes) == notes


def test_a_format_without_folders_asks_for_a_file() -> None:
    with pytest.raises(UsageError, match="give a file"):
        inputs(name="litellm")
    with pytest.raises(UsageError, match="nothing to import"):
        inputs()
    with pytest.raises(DataError, match="does not exist"):
        inputs(Path("/nowhere/at/all"))


@pytest.mark.parametrize("name", sorted(HOME_OF))
def test_a_folder_that_a_tool_laid_out_is_known_without_the_other_formats(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all(tmp_path, VENDORS[name].write(USES, "x"))
    monkeypatch.setattr("finops.importers.detection.all_formats", None)
    assert is_foreign(str(tmp_path))
    assert [each.format.id for each in inputs(tmp_path)] == [name]


def test_names_of_tools_are_data_only_where_no_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(is_foreign(name) for name in tool_names())
    (tmp_path / "local").write_text("timestamp,model\n", encoding="utf-8")
    assert not is_foreign(LOCAL)
    assert not is_foreign("nowhere.csv")
