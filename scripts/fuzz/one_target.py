"""Fuzz one target in this process, guided by coverage, until libFuzzer ends it.

    .venv-fuzz/bin/python -m scripts.fuzz.one_target NAME [libFuzzer's options] [CORPUS ...]

Needs atheris, which `make setup` puts into an environment of its own.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

atheris: Any = importlib.import_module("atheris")

with atheris.instrument_imports(include=["finops"]):
    from scripts.fuzz.limits import run_within_limits
    from scripts.fuzz.targets import TARGETS


def main() -> None:
    """Start libFuzzer, which does not return."""
    target = TARGETS[sys.argv[1]]

    def run(data: bytes) -> None:
        run_within_limits(target, data)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
