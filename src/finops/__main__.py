"""Run the command line as `python -m finops` where the package itself is on the path."""

from __future__ import annotations

from finops.cli import entry_point

if __name__ == "__main__":
    entry_point()
