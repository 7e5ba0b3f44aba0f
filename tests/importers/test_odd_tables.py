"""Tables whose first line breaks the rules of CSV are no usage logs, and no reason to stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from finops.importers.resolve import is_foreign

ODD = (b"a\rb,c\n1,2\n", b'"a\rb",c\n1,2\n', b"\r\r\n", b'"' * 131_073 + b",x" * 200_000 + b"\n")


@pytest.mark.parametrize("content", ODD, ids=["carriage return", "quoted", "blank", "long"])
def test_an_odd_table_is_no_usage_log(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_bytes(content)
    assert not is_foreign(str(tmp_path))
    assert not is_foreign(str(tmp_path / "notes.csv"))
