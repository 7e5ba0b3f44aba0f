"""Forty Parquet files in an object store: a server on this machine, and DuckDB with its extension.

The extension comes from PyPI, for the DuckDB of `.venv-engines`.  Spark's comes from Maven alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest

from finops import registry
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import need

pytestmark = [pytest.mark.once, pytest.mark.soak]

ROOT = Path(__file__).resolve().parents[2]
FILES = 40
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@contextmanager
def store() -> Iterator[str]:
    """Serve an object store on this machine; yield host and port."""
    server = need("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"{host}:{port}"
    finally:
        server.stop()


def fill(address: str, paths: List[Path]) -> None:
    """Put files into a new bucket of the store."""
    client = need("boto3").client(
        "s3",
        endpoint_url=f"http://{address}",
        region_name=KEYS["AWS_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket="usage")
    for path in paths:
        client.upload_file(str(path), "usage", f"calls/{path.name}")


def extension_folder(folder: Path) -> Path:
    """Return a folder in which DuckDB has its extension."""
    duckdb = need("duckdb")
    package = Path(need("duckdb_extension_httpfs").__file__).parent
    (extension,) = package.glob("extensions/*/httpfs.duckdb_extension")
    with duckdb.connect() as connection:
        connection.execute(f"set extension_directory = '{folder / 'extensions'}'")
        connection.execute(f"install '{extension}'")
    return folder / "extensions"


def results(*words: object, env: Optional[Dict[str, str]] = None) -> Dict[str, Any]:
    """Return the results of all analyses, without what says where they are from."""
    done = subprocess.run(
        [sys.executable, "-m", "finops", "analyze", *map(str, words), "--no-cache", "--json", "-"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(env or {})},
    )
    assert done.returncode == 0, done.stderr.decode()
    found: Dict[str, Any] = json.loads(done.stdout.decode("utf-8"))
    # Name, size and time are those of another file.
    found["dataset_overview"]["file"] = found["dataset_overview"]["file"]["total_records"]
    return found


def test_forty_files_of_a_bucket(tmp_path: Path) -> None:
    duckdb = need("duckdb")
    rows = varied_rows(400, seed=8)
    parts = []
    for number in range(FILES):
        part = write_csv(tmp_path / f"part{number:02d}.csv", rows[number::FILES])
        parts.append(part.with_suffix(".parquet"))
        with duckdb.connect() as connection:
            connection.execute(f"copy (from read_csv('{part}')) to '{parts[-1]}'")
    wanted = results("--data", tmp_path / "part*.csv", "--reports", tmp_path / "local")
    settings = {
        "extension_directory": extension_folder(tmp_path),
        "autoinstall_known_extensions": "false",
        "s3_use_ssl": "false",
        "s3_url_style": "path",
    }
    with store() as address:
        fill(address, parts)
        given = [f"{name}={value}" for name, value in settings.items()]
        found = results(
            *("--engine", "duckdb", "--data", "s3://usage/calls/*.parquet"),
            *("--reports", tmp_path / "reports"),
            *(
                word
                for setting in (*given, f"s3_endpoint={address}")
                for word in ("--conf", setting)
            ),
            env=KEYS,
        )
    assert set(found) == set(registry.ANALYZER_REGISTRY)
    assert found == wanted
