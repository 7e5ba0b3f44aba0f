"""Launcher package: lets `python -m finops` run from a fresh checkout, nothing installed.

It hands over to the real package in `src/finops` by taking its place.
"""

from __future__ import annotations
